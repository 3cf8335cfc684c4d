/**
 * Which leaves of a disk are done for good, with the digests that prove it. Small for any disk: a bit per leaf and 32 bytes
 * per chunk (16 TiB: 8.5 MB); digests of single leaves are kept only while their chunk is incomplete.
 */
import {
  chunkCount,
  chunkDigest,
  chunkRange,
  digestBytes,
  leafCount,
  leafRange,
  leavesOfChunk,
  leavesPerChunk,
  zeroChunkDigest,
  zeroLeafDigest,
} from './digest.ts';

export type ChunkDigest = { readonly chunk: number; readonly digest: Buffer };

export type Coverage = {
  readonly sizeBytes: number;
  has(leaf: number): boolean;
  /** Marks a leaf done; returns its chunk when that became complete by it. */
  markLeaf(leaf: number, digest: Buffer): ChunkDigest | undefined;
  /** Marks a run of leaves that hold zeros only; yields the chunks that became complete by it. */
  markZeros(first: number, count: number): Generator<ChunkDigest>;
  /** Marks a whole chunk, whose leaves' digests nobody here knows. */
  markChunk(chunk: number, digest: Buffer): void;
  /** Makes leaves undone; a chunk whose single digests are gone is undone whole. */
  forget(first: number, count: number): void;
  /** Undefined while the chunk is incomplete. */
  chunk(chunk: number): Buffer | undefined;
  /** Digests of done leaves whose chunk is incomplete. */
  partial(): Generator<{ readonly leaf: number; readonly digest: Buffer }>;
  readonly doneLeaves: number;
  readonly complete: boolean;
};

export function createCoverage(sizeBytes: number): Coverage {
  const leaves = leafCount(sizeBytes);
  const chunks = chunkCount(sizeBytes);
  const bits = new Uint8Array(Math.ceil(leaves / 8));
  const digests = Buffer.alloc(chunks * digestBytes);
  const known = new Uint8Array(chunks);
  const open = new Map<number, Map<number, Buffer>>();
  let done = 0;

  const has = (leaf: number): boolean => ((bits[leaf >> 3] ?? 0) & (1 << (leaf & 7))) !== 0;
  const set = (leaf: number): void => {
    if (has(leaf)) return;
    bits[leaf >> 3] = (bits[leaf >> 3] ?? 0) | (1 << (leaf & 7));
    done += 1;
  };
  const clear = (leaf: number): void => {
    if (!has(leaf)) return;
    bits[leaf >> 3] = (bits[leaf >> 3] ?? 0) & ~(1 << (leaf & 7));
    done -= 1;
  };
  const chunk = (index: number): Buffer | undefined =>
    known[index] === 1 ? digests.subarray(index * digestBytes, (index + 1) * digestBytes) : undefined;
  const markChunk = (index: number, digest: Buffer): void => {
    const { first, end } = leavesOfChunk(index, sizeBytes);
    for (let leaf = first; leaf < end; leaf += 1) set(leaf);
    digest.copy(digests, index * digestBytes);
    known[index] = 1;
    open.delete(index);
  };
  const markLeaf = (leaf: number, digest: Buffer): ChunkDigest | undefined => {
    const index = Math.floor(leaf / leavesPerChunk);
    if (known[index] === 1) return undefined;
    set(leaf);
    const mine = open.get(index) ?? new Map<number, Buffer>();
    open.set(index, mine);
    mine.set(leaf, digest);
    const { first, end } = leavesOfChunk(index, sizeBytes);
    if (mine.size < end - first) return undefined;
    const ordered = [...mine].sort(([a], [b]) => a - b).map(([, one]) => one);
    const whole = chunkDigest(ordered);
    markChunk(index, whole);
    return { chunk: index, digest: whole };
  };

  return {
    sizeBytes,
    has,
    markLeaf,
    markChunk,
    chunk,
    *markZeros(first, count) {
      let leaf = first;
      while (leaf < first + count) {
        const index = Math.floor(leaf / leavesPerChunk);
        const whole = leavesOfChunk(index, sizeBytes);
        if (leaf === whole.first && first + count >= whole.end && !open.has(index)) {
          if (known[index] !== 1) {
            const digest = zeroChunkDigest(chunkRange(index, sizeBytes).length);
            markChunk(index, digest);
            yield { chunk: index, digest };
          }
          leaf = whole.end;
        } else {
          const completed = markLeaf(leaf, zeroLeafDigest(leafRange(leaf, sizeBytes).length));
          if (completed !== undefined) yield completed;
          leaf += 1;
        }
      }
    },
    forget(first, count) {
      for (let leaf = first; leaf < first + count; leaf += 1) {
        const index = Math.floor(leaf / leavesPerChunk);
        if (known[index] === 1) {
          known[index] = 0;
          const whole = leavesOfChunk(index, sizeBytes);
          for (let other = whole.first; other < whole.end; other += 1) clear(other);
        }
        open.get(index)?.delete(leaf);
        clear(leaf);
      }
    },
    *partial() {
      for (const mine of open.values()) for (const [leaf, digest] of mine) yield { leaf, digest };
    },
    get doneLeaves() {
      return done;
    },
    get complete() {
      return done === leaves;
    },
  };
}
