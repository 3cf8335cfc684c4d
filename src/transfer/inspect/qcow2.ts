import {
  maxQcow2L1Bytes,
  maxQcow2RefcountTableBytes,
  maxQcow2Snapshots,
  maxVirtualBytes,
  sectorBytes,
} from './bounds.ts';
import { type Bytes, u64be } from './bytes.ts';
import { findMagic, foundNames } from './magic.ts';
import { type Owner, refuse, shown } from './refuse.ts';

const incompatible = { corrupt: 2n, dataFile: 4n, compression: 8n, known: 0b11111n };
const rawDataFile = 2n;
const extension = { end: 0, dataFile: 0x44415441, encryption: 0x0537be77 };

/**
 * qemu's docs/interop/qcow2: header, feature bits, header extensions. Internal snapshots are fine: they are not read.
 * Nothing that the image refers to may lie outside it, and every table that QEMU would load is bounded.
 * @returns the virtual size in bytes
 */
export async function inspectQcow2(bytes: Bytes, owner: Owner, signal: AbortSignal): Promise<number> {
  const found = await findMagic(bytes, signal);
  if (found === 'qcow') throw refuse(owner, 'image.unsupported', { detail: foundNames[found] });
  if (found !== 'qcow2') throw refuse(owner, 'image.format_mismatch', { declared: 'qcow2', found: foundNames[found] });
  const v2 = await bytes.read(0, 72, signal);
  const version = v2.readUInt32BE(4);
  if (version !== 2 && version !== 3) {
    throw refuse(owner, 'image.unsupported', { detail: `qcow2 of version ${version}` });
  }
  const header = version === 3 ? await bytes.read(0, 104, signal) : v2;
  await refuseBackingFile(bytes, header, owner, signal);
  if (header.readUInt32BE(32) !== 0) {
    const method = header.readUInt32BE(32);
    const name = method === 1 ? 'qcow2 AES' : method === 2 ? 'qcow2 LUKS' : `qcow2 method ${method}`;
    throw refuse(owner, 'image.encrypted', { detail: name });
  }
  const headerLength = version === 3 ? checkFeatures(header, owner) : 72;
  const size = checkTables(bytes, header, owner);
  const clusterBytes = 2 ** header.readUInt32BE(20);
  if (headerLength < header.length || headerLength > clusterBytes || headerLength % 8 !== 0) {
    throw refuse(owner, 'image.corrupt', { detail: `a qcow2 header of ${headerLength} bytes` });
  }
  if (headerLength > 104) await checkCompression(bytes, owner, signal);
  await checkExtensions(bytes, headerLength, clusterBytes, owner, signal);
  return size;
}

async function refuseBackingFile(bytes: Bytes, header: Buffer, owner: Owner, signal: AbortSignal): Promise<void> {
  const offset = u64be(header, 8);
  if (offset === 0) return;
  const length = Math.min(header.readUInt32BE(16), 1023);
  const readable = offset + length <= bytes.lengthBytes;
  const name = readable ? (await bytes.read(offset, length, signal)).toString('utf8') : '';
  throw refuse(owner, 'image.backing_file', { reference: shown(name) });
}

/** @returns the header's length, which only version 3 has */
function checkFeatures(header: Buffer, owner: Owner): number {
  const features = header.readBigUInt64BE(72);
  const autoclear = header.readBigUInt64BE(88);
  if ((features & incompatible.dataFile) !== 0n || (autoclear & rawDataFile) !== 0n) {
    throw refuse(owner, 'image.data_file', { reference: 'an external data file' });
  }
  if ((features & ~incompatible.known) !== 0n) {
    throw refuse(owner, 'image.unknown_feature', { detail: `qcow2 feature bits 0x${features.toString(16)}` });
  }
  if ((features & incompatible.corrupt) !== 0n) {
    throw refuse(owner, 'image.corrupt', { detail: 'it is marked as corrupt; `qemu-img check -r all` may repair it' });
  }
  if (header.readUInt32BE(96) > 6) {
    throw refuse(owner, 'image.absurd_size', { detail: `reference counts of 2^${header.readUInt32BE(96)} bits` });
  }
  return header.readUInt32BE(100);
}

/** @returns the virtual size in bytes */
function checkTables(bytes: Bytes, header: Buffer, owner: Owner): number {
  const absurd = (detail: string) => refuse(owner, 'image.absurd_size', { detail });
  const clusterBits = header.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21) throw absurd(`clusters of 2^${clusterBits} bytes`);
  const clusterBytes = 2 ** clusterBits;
  const size = u64be(header, 24);
  // The number as it stands there: beyond 2^53 ours is rounded.
  if (size === 0 || size > maxVirtualBytes) throw absurd(`a virtual disk of ${header.readBigUInt64BE(24)} bytes`);
  if (size % sectorBytes !== 0) {
    throw refuse(owner, 'image.unsupported', { detail: `a disk of ${size} bytes, which are not whole sectors` });
  }
  const extended = header.length >= 104 && (header.readBigUInt64BE(72) & 16n) !== 0n;
  const perTable = clusterBytes / (extended ? 16 : 8);
  const l1Entries = header.readUInt32BE(36);
  if (l1Entries * 8 > maxQcow2L1Bytes) throw absurd(`a first-level table of ${l1Entries} entries`);
  if (l1Entries < Math.ceil(size / (perTable * clusterBytes))) {
    throw refuse(owner, 'image.corrupt', { detail: 'its first-level table is too small for the disk' });
  }
  const refcountBytes = header.readUInt32BE(56) * clusterBytes;
  if (refcountBytes > maxQcow2RefcountTableBytes) throw absurd(`a reference count table of ${refcountBytes} bytes`);
  const snapshots = header.readUInt32BE(60);
  if (snapshots > maxQcow2Snapshots) throw absurd(`${snapshots} snapshots`);
  const tables = [
    { name: 'first-level table', at: u64be(header, 40), length: l1Entries * 8 },
    { name: 'reference count table', at: u64be(header, 48), length: refcountBytes },
    { name: 'snapshot table', at: snapshots === 0 ? 0 : u64be(header, 64), length: snapshots * 40 },
  ];
  for (const { name, at, length } of tables) {
    if (at % clusterBytes !== 0 && length > 0) {
      throw refuse(owner, 'image.corrupt', { detail: `its ${name} starts inside a cluster` });
    }
    if (at + length > bytes.lengthBytes) {
      throw refuse(owner, 'image.truncated', { detail: `its ${name} lies past its end` });
    }
  }
  return size;
}

async function checkCompression(bytes: Bytes, owner: Owner, signal: AbortSignal): Promise<void> {
  const type = (await bytes.read(104, 1, signal)).readUInt8(0);
  if (type > 1) throw refuse(owner, 'image.unknown_feature', { detail: `qcow2 compression type ${type}` });
}

/** Extensions lie between the header and the end of its cluster. Only their types are of interest, and one name. */
async function checkExtensions(
  bytes: Bytes,
  start: number,
  clusterBytes: number,
  owner: Owner,
  signal: AbortSignal,
): Promise<void> {
  const area = await bytes.read(0, Math.min(clusterBytes, bytes.lengthBytes), signal);
  for (let at = start; at + 8 <= area.length; ) {
    const type = area.readUInt32BE(at);
    const length = area.readUInt32BE(at + 4);
    if (type === extension.end) return;
    if (at + 8 + length > area.length) {
      throw refuse(owner, 'image.corrupt', { detail: 'a qcow2 header extension is longer than its place' });
    }
    if (type === extension.dataFile) {
      throw refuse(owner, 'image.data_file', { reference: shown(area.toString('utf8', at + 8, at + 8 + length)) });
    }
    if (type === extension.encryption) throw refuse(owner, 'image.encrypted', { detail: 'qcow2 LUKS' });
    at += 8 + Math.ceil(length / 8) * 8;
  }
}
