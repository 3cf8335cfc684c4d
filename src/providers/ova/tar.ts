import { WherryError } from '../../model/errors.ts';
import type { LocalFile } from '../local/local-file.ts';
import { blockBytes, parsePaxRecords, parseTarBlock, type TarBlock } from './tar-header.ts';

/** A plain file in an archive: its bytes are `lengthBytes` at `offset` of the archive itself. */
export type Member = { readonly name: string; readonly offset: number; readonly lengthBytes: number };

type Header = Extract<TarBlock, { kind: 'header' }>;

const limits = { headers: 4_096, extensionBytes: 1024 * 1024 };

const refusedTypes: Readonly<Record<string, string>> = {
  '1': 'is a hard link',
  '2': 'is a symbolic link',
  '3': 'is a character device',
  '4': 'is a block device',
  '6': 'is a named pipe',
  S: 'is stored with holes left out (GNU sparse)',
  M: 'is the continuation of another volume',
};

/**
 * Lists an archive's plain files in their order by reading nothing but headers, each at its offset: an archive of any size
 * takes one small read per member. Links, devices and pipes are refused by name, as are names that lead out of the
 * archive. Two members of one name are both listed (oVirt writes several called "pad"); who looks one up must refuse that.
 * @throws ova.not_an_archive, ova.bad_header, ova.bad_member, ova.truncated, ova.too_many_members
 */
export async function indexTar(file: LocalFile, signal: AbortSignal): Promise<Member[]> {
  const members: Member[] = [];
  let extended: Extension = {};
  let at = 0;
  for (let count = 0; ; count += 1) {
    signal.throwIfAborted();
    if (count >= limits.headers)
      throw new WherryError('ova.too_many_members', { path: file.path, limit: limits.headers });
    const header = await readHeader(file, at, members.at(-1)?.name);
    if (header === null) return members;
    const dataAt = at + blockBytes;
    const extension = await readExtension(file, header, dataAt, signal);
    if (extension !== null) {
      extended = { ...extended, ...extension };
      at = dataAt + padded(header.sizeBytes);
      continue;
    }
    const name = cleanName(file, extended.name ?? header.name);
    const lengthBytes = extended.sizeBytes ?? header.sizeBytes;
    extended = {};
    if (header.type === '5') {
      at = dataAt; // a directory's size says how much it may hold, not what follows
      continue;
    }
    refuseSpecial(file, header.type, name);
    if (name === '') throw badHeader(file, at, 'has no name');
    if (dataAt + lengthBytes > file.sizeBytes) throw truncated(file, name, dataAt + lengthBytes - file.sizeBytes);
    members.push({ name, offset: dataAt, lengthBytes });
    at = dataAt + padded(lengthBytes);
  }
}

/** What is in the extra headers before a member. */
type Extension = { readonly name?: string; readonly sizeBytes?: number };

/** The header at `at`; null at the archive's end, which need not be marked as long as all data is there. */
async function readHeader(file: LocalFile, at: number, last: string | undefined): Promise<Header | null> {
  const left = file.sizeBytes - at;
  if (at > 0 && left <= 0) return null;
  if (left < blockBytes) {
    if (at === 0) throw notAnArchive(file, 'it is empty or too short');
    const rest = await file.read(at, left);
    if (rest.every((byte) => byte === 0)) return null;
    throw truncated(file, `the member after ${last ?? 'the beginning'}`, blockBytes - left);
  }
  const block = await file.read(at, blockBytes);
  const parsed = parseTarBlock(block);
  if (parsed.kind === 'header') return parsed;
  if (at === 0) throw notAnArchive(file, looksLike(block));
  if (parsed.kind === 'end') return null;
  throw badHeader(file, at, parsed.problem);
}

/** Null when the header is that of a member itself. */
async function readExtension(
  file: LocalFile,
  header: Header,
  dataAt: number,
  signal: AbortSignal,
): Promise<Extension | null> {
  if (!['x', 'g', 'L', 'K'].includes(header.type)) return null;
  const at = dataAt - blockBytes;
  if (header.sizeBytes > limits.extensionBytes) throw badHeader(file, at, 'is longer than any name or attribute');
  const end = dataAt + header.sizeBytes;
  if (end > file.sizeBytes) throw truncated(file, 'a tar header', end - file.sizeBytes);
  signal.throwIfAborted();
  const data = await file.read(dataAt, header.sizeBytes);
  if (header.type === 'K') return {};
  if (header.type === 'L') return { name: data.toString('utf8').replace(/\0+$/, '') };
  const records = parsePaxRecords(data);
  if (records === null) throw badHeader(file, at, 'has pax records that are not well formed');
  return paxExtension(file, at, header.type === 'g', records);
}

function paxExtension(file: LocalFile, at: number, global: boolean, records: Map<string, string>): Extension {
  if ([...records.keys()].some((key) => key.startsWith('GNU.sparse.'))) {
    const member = records.get('GNU.sparse.name') ?? records.get('path') ?? 'a member';
    throw badMember(file, member, refusedTypes['S'] ?? '');
  }
  const path = records.get('path');
  const size = records.get('size');
  // For the rest of an archive these make no sense; readers that disagree about them see different archives.
  if (global && (path !== undefined || size !== undefined)) {
    throw badHeader(file, at, 'gives a path or size to all members');
  }
  if (size !== undefined && (!/^[0-9]{1,16}$/.test(size) || !Number.isSafeInteger(Number(size)))) {
    throw badHeader(file, at, 'has a size that is no number');
  }
  return {
    ...(path === undefined ? {} : { name: path }),
    ...(size === undefined ? {} : { sizeBytes: Number(size) }),
  };
}

function refuseSpecial(file: LocalFile, type: string, name: string): void {
  if (type === '0' || type === '7') return;
  throw badMember(file, name, refusedTypes[type] ?? `is of the unknown tar type ${JSON.stringify(type)}`);
}

/** Without leading "./"; refused when it could mean a place outside of the archive or garble a log. */
function cleanName(file: LocalFile, raw: string): string {
  const name = raw.replace(/^(\.\/+)+/, '');
  const shown = JSON.stringify(raw.slice(0, 200));
  // eslint-disable-next-line no-control-regex -- control characters are what this looks for
  if (/[\u0000-\u001f\u007f]/.test(name)) throw badMember(file, shown, 'has control characters in its name');
  if (name.startsWith('/')) throw badMember(file, shown, 'has an absolute path');
  if (name.split('/').includes('..')) throw badMember(file, shown, 'has a path that leads out of the archive (..)');
  return name;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

function looksLike(block: Buffer): string {
  const magic = block.toString('latin1', 0, 8);
  if (magic.startsWith('\x1f\x8b')) return 'it is compressed with gzip';
  if (magic.startsWith('PK')) return 'it is a zip archive';
  if (magic.startsWith('KDMV') || magic.startsWith('# Disk D')) return 'it is a VMDK disk image';
  if (magic.startsWith('QFI\xfb')) return 'it is a qcow2 disk image';
  if (magic.startsWith('conectix') || magic.startsWith('vhdxfile')) return 'it is a VHD or VHDX disk image';
  if (magic.startsWith('<?xml') || magic.startsWith('<Envel')) return 'it is an XML file';
  return 'its first block is no tar header';
}

function notAnArchive(file: LocalFile, looks: string): WherryError {
  return new WherryError('ova.not_an_archive', { path: file.path, looks });
}

function badHeader(file: LocalFile, offset: number, problem: string): WherryError {
  return new WherryError('ova.bad_header', { path: file.path, offset, problem });
}

function badMember(file: LocalFile, member: string, problem: string): WherryError {
  return new WherryError('ova.bad_member', { path: file.path, member, problem });
}

function truncated(file: LocalFile, member: string, missing: number): WherryError {
  return new WherryError('ova.truncated', { path: file.path, member, missing });
}
