import { maxVirtualBytes } from './bounds.ts';
import { type Bytes, u64le } from './bytes.ts';
import { crc32c } from './crc32c.ts';
import { findMagic, foundNames } from './magic.ts';
import { type Owner, refuse } from './refuse.ts';

const kib64 = 64 * 1024;
const mib = 1024 * 1024;

const guid = {
  bat: '66 77 c2 2d 23 f6 00 42 9d 64 11 5e 9b fd 4a 08',
  metadata: '06 a2 7c 8b 90 47 9a 4b b8 fe 57 5f 05 0f 88 6e',
  fileParameters: '37 67 a1 ca 36 fa 43 4d b3 b6 33 f0 aa 44 e7 6b',
  virtualSize: '24 42 a5 2f 1b cd 76 48 b2 11 5d be d8 3b f4 b8',
  diskId: 'ab 12 ca be e6 b2 23 45 93 ef c3 09 e0 00 c7 46',
  logicalSector: '1d bf 41 81 6f a9 09 47 ba 47 f2 33 a8 fa ab 5f',
  physicalSector: 'c7 48 a3 cd 5d 44 71 44 9c c9 e9 88 52 51 c5 56',
  parentLocator: '2d 5f d3 a8 0b b3 4d 45 ab f7 d3 d8 48 34 ab 0c',
};
const knownItems: ReadonlySet<string> = new Set(Object.values(guid));

type Region = { readonly offset: number; readonly length: number };
type Items = ReadonlyMap<string, Region>;

/**
 * [MS-VHDX]: two headers (the valid one with the higher number counts), two equal region tables, a metadata region with the
 * sizes. A log that waits to be replayed would have to be written: refused.
 * @returns the virtual size in bytes
 */
export async function inspectVhdx(bytes: Bytes, owner: Owner, signal: AbortSignal): Promise<number> {
  const found = await findMagic(bytes, signal);
  if (found !== 'vhdx') throw refuse(owner, 'image.format_mismatch', { declared: 'vhdx', found: foundNames[found] });
  await checkHeader(bytes, owner, signal);
  const regions = await readRegions(bytes, owner, signal);
  const bat = regions.get(guid.bat);
  const metadata = regions.get(guid.metadata);
  if (bat === undefined || metadata === undefined) {
    throw refuse(owner, 'image.corrupt', { detail: 'a VHDX region is missing' });
  }
  const items = await readItems(bytes, metadata, owner, signal);
  const number = async (name: string, length: 4 | 8, what: string): Promise<number> => {
    const item = items.get(name);
    if (item === undefined || item.length < length) {
      throw refuse(owner, 'image.corrupt', { detail: `its VHDX ${what} is missing` });
    }
    const value = await bytes.read(item.offset, length, signal);
    return length === 4 ? value.readUInt32LE(0) : u64le(value, 0);
  };
  const blockBytes = await number(guid.fileParameters, 4, 'block size');
  const flags = Math.floor((await number(guid.fileParameters, 8, 'block size')) / 2 ** 32);
  if ((flags & 2) !== 0 || items.has(guid.parentLocator)) {
    throw refuse(owner, 'image.backing_file', { reference: 'a parent VHDX' });
  }
  const size = await number(guid.virtualSize, 8, 'size');
  const sector = await number(guid.logicalSector, 4, 'sector size');
  if (sector !== 512) {
    // Its partition table counts in these sectors; a target disk of 512 byte sectors would show no partitions.
    throw refuse(owner, 'image.unsupported', { detail: `VHDX with logical sectors of ${sector} bytes` });
  }
  const powerOfTwo = blockBytes > 0 && (blockBytes & (blockBytes - 1)) === 0;
  if (!powerOfTwo || blockBytes < mib || blockBytes > 256 * mib) {
    throw refuse(owner, 'image.absurd_size', { detail: `VHDX blocks of ${blockBytes} bytes` });
  }
  if (size === 0 || size % sector !== 0 || size > maxVirtualBytes) {
    throw refuse(owner, 'image.absurd_size', { detail: `a VHDX of ${size} bytes` });
  }
  const blocks = Math.ceil(size / blockBytes);
  const entries = blocks + Math.floor((blocks - 1) / ((2 ** 23 * sector) / blockBytes));
  if (entries * 8 > bat.length) {
    throw refuse(owner, 'image.corrupt', { detail: 'its VHDX block table is too small for the disk' });
  }
  return size;
}

async function checkHeader(bytes: Bytes, owner: Owner, signal: AbortSignal): Promise<void> {
  let newest: Buffer | undefined;
  for (const at of [kib64, 2 * kib64]) {
    const block = await bytes.read(at, 4096, signal);
    if (block.toString('latin1', 0, 4) !== 'head' || !checksumFits(block)) continue;
    if (newest === undefined || block.readBigUInt64LE(8) > newest.readBigUInt64LE(8)) newest = block;
  }
  if (newest === undefined) throw refuse(owner, 'image.corrupt', { detail: 'it has no valid VHDX header' });
  if (newest.readUInt16LE(66) !== 1) {
    throw refuse(owner, 'image.unsupported', { detail: `VHDX of version ${newest.readUInt16LE(66)}` });
  }
  if (newest.subarray(48, 64).some((byte) => byte !== 0)) {
    throw refuse(owner, 'image.unclean', { detail: 'its VHDX log was not written back' });
  }
}

async function readRegions(bytes: Bytes, owner: Owner, signal: AbortSignal): Promise<Items> {
  const tables: Buffer[] = [];
  for (const at of [3 * kib64, 4 * kib64]) {
    const block = await bytes.read(at, kib64, signal);
    if (block.toString('latin1', 0, 4) === 'regi' && checksumFits(block)) tables.push(block);
  }
  const [table, second] = tables;
  if (table === undefined) throw refuse(owner, 'image.corrupt', { detail: 'it has no valid VHDX region table' });
  if (second !== undefined && !second.equals(table)) {
    throw refuse(owner, 'image.corrupt', { detail: 'its two VHDX region tables differ' });
  }
  const count = table.readUInt32LE(8);
  if (count > 2047) throw refuse(owner, 'image.absurd_size', { detail: `${count} VHDX regions` });
  const regions = new Map<string, Region>();
  for (let at = 16; at < 16 + count * 32; at += 32) {
    const name = guidAt(table, at);
    const region = { offset: u64le(table, at + 16), length: table.readUInt32LE(at + 24) };
    if (name !== guid.bat && name !== guid.metadata) {
      if ((table.readUInt32LE(at + 28) & 1) === 0) continue;
      throw refuse(owner, 'image.unknown_feature', { detail: `VHDX region ${name}` });
    }
    if (regions.has(name)) throw refuse(owner, 'image.corrupt', { detail: 'a VHDX region is listed twice' });
    if (region.offset < mib || region.offset % mib !== 0) {
      throw refuse(owner, 'image.corrupt', { detail: 'a VHDX region is where none may be' });
    }
    if (region.offset + region.length > bytes.lengthBytes) {
      throw refuse(owner, 'image.truncated', { detail: 'a VHDX region lies past its end' });
    }
    regions.set(name, region);
  }
  return regions;
}

async function readItems(bytes: Bytes, metadata: Region, owner: Owner, signal: AbortSignal): Promise<Items> {
  if (metadata.length < kib64) throw refuse(owner, 'image.corrupt', { detail: 'its VHDX metadata is too short' });
  const table = await bytes.read(metadata.offset, kib64, signal);
  if (table.toString('latin1', 0, 8) !== 'metadata') {
    throw refuse(owner, 'image.corrupt', { detail: 'its VHDX metadata is not valid' });
  }
  const count = table.readUInt16LE(10);
  if (count > 2047) throw refuse(owner, 'image.absurd_size', { detail: `${count} VHDX metadata items` });
  const items = new Map<string, Region>();
  for (let at = 32; at < 32 + count * 32; at += 32) {
    const name = guidAt(table, at);
    const item = { offset: metadata.offset + table.readUInt32LE(at + 16), length: table.readUInt32LE(at + 20) };
    if (!knownItems.has(name)) {
      if ((table.readUInt32LE(at + 24) & 4) === 0) continue;
      throw refuse(owner, 'image.unknown_feature', { detail: `VHDX metadata ${name}` });
    }
    if (items.has(name)) throw refuse(owner, 'image.corrupt', { detail: 'a VHDX metadata item is listed twice' });
    items.set(name, item);
  }
  return items;
}

function guidAt(table: Buffer, at: number): string {
  return table.toString('hex', at, at + 16).replaceAll(/(..)(?=.)/g, '$1 ');
}

/** The checksum, at 4, is made with its own field zero. */
function checksumFits(block: Buffer): boolean {
  const blank = Buffer.from(block);
  blank.writeUInt32LE(0, 4);
  return crc32c(blank) === block.readUInt32LE(4);
}
