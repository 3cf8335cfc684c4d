/**
 * The first clusters of a qcow2 image that nothing was written to yet, as QEMU's docs/interop/qcow2.txt lays them out
 * (big-endian; tables are whole clusters). Only what `qemu-img create` makes is taken; anything else is not for us.
 */
export const clusterBits = 16;
export const clusterBytes = 1 << clusterBits;
/** Entries of an L2 table, of 8 bytes. */
export const tableEntries = clusterBytes / 8;
/** Guest bytes of an L2 table: 512 MiB. */
export const tableSpan = tableEntries * clusterBytes;
/** Clusters whose counts (16 bits each) one refcount block holds: 2 GiB of the file. */
export const countsPerBlock = clusterBytes / 2;
/** "Nobody else refers to it": without it QEMU copies a cluster before it writes there. */
export const copiedFlag = 1n << 63n;
/**
 * All L2 tables stay in memory: 64 MiB for a disk of this size. Larger disks go by qemu-nbd.
 */
export const maxSizeBytes = 512 * 1024 ** 3;

export type FreshLayout = {
  readonly sizeBytes: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly countTableOffset: number;
  readonly firstCountBlock: number;
  /** Clusters from the file's beginning that are in use. */
  readonly usedClusters: number;
};

const headerBytes = 104;

/** @param start the file's first bytes, as many as there are of `fileStartBytes`. Null: not fresh, or not as we know it. */
export function freshLayout(start: Buffer): FreshLayout | null {
  if (start.length < headerBytes || start.readUInt32BE(0) !== 0x514649fb || start.readUInt32BE(4) !== 3) return null;
  const large = (at: number): number => Number(start.readBigUInt64BE(at));
  const sizeBytes = large(24);
  const l1Entries = start.readUInt32BE(36);
  const l1Offset = large(40);
  const countTableOffset = large(48);
  const plain =
    large(8) === 0 && // no backing file
    start.readUInt32BE(20) === clusterBits &&
    start.readUInt32BE(32) === 0 && // not encrypted
    start.readUInt32BE(56) === 1 && // clusters of the refcount table
    start.readUInt32BE(60) === 0 && // no snapshots
    large(72) === 0 && // no incompatible feature,
    large(80) === 0 && // no lazy refcounts,
    large(88) === 0 && // no bitmaps
    start.readUInt32BE(96) === 4; // counts of 16 bits
  if (!plain || sizeBytes <= 0 || sizeBytes > maxSizeBytes || l1Entries !== Math.ceil(sizeBytes / tableSpan))
    return null;
  if (l1Offset % clusterBytes !== 0 || countTableOffset !== clusterBytes) return null;
  if (start.length < countTableOffset + clusterBytes) return null;
  const firstCountBlock = large(countTableOffset);
  if (firstCountBlock !== 2 * clusterBytes || l1Offset !== 3 * clusterBytes) return null;
  if (!isZero(start.subarray(countTableOffset + 8, countTableOffset + clusterBytes))) return null;
  if (start.length < l1Offset + l1Entries * 8 || !isZero(start.subarray(l1Offset))) return null;
  const usedClusters = 3 + Math.ceil((l1Entries * 8) / clusterBytes);
  for (let cluster = 0; cluster < countsPerBlock; cluster += 1) {
    const count = start.readUInt16BE(firstCountBlock + cluster * 2);
    if (count !== (cluster < usedClusters ? 1 : 0)) return null;
  }
  return { sizeBytes, l1Entries, l1Offset, countTableOffset, firstCountBlock, usedClusters };
}

/** What `freshLayout` needs of a file; a file that is longer is not fresh. */
export const fileStartBytes = 4 * clusterBytes;

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
