/**
 * The digests of a copy's chunks after a conversion was applied to it and read back: taken from what is known wherever that
 * is enough, so that a leaf is read only where the conversion wrote into it. Trimming all of a large disk costs next to nothing.
 */
import { type ChunkDigest } from './coverage.ts';
import { chunkBytes, chunkDigest, leafRange, leavesOfChunk } from './digest.ts';
import { openDigester } from './digest-threads.ts';
import type { Disk, Extent } from './disk.ts';
import { readLeaves, zerosOf } from './readback.ts';
import { defaultRetry } from './retry.ts';

export type AppliedRequest = {
  readonly target: Disk;
  /** Of the copy: what was applied beyond it does not count. */
  readonly sizeBytes: number;
  /** What was applied, in any order: `zero` reads as zeros now. */
  readonly clusters: readonly Extent[];
  /** Digests of single leaves of a chunk as they were before, as far as anybody here knows them. */
  readonly leavesOf: (chunk: number) => Promise<ReadonlyMap<number, Buffer>>;
};

/** Of each chunk that was touched, in order. The target must have been proved: what is read here is taken as it is. */
export async function* appliedDigests(
  { target, sizeBytes, clusters, leavesOf }: AppliedRequest,
  signal: AbortSignal,
): AsyncGenerator<ChunkDigest> {
  using digester = openDigester();
  for (const [chunk, touched] of byChunk(clusters, sizeBytes)) {
    const { first, end } = leavesOfChunk(chunk, sizeBytes);
    const known = await leavesOf(chunk);
    const digests = new Map<number, Buffer>();
    for (let leaf = first; leaf < end; leaf += 1) {
      const digest = digestOf(leaf, touched, known, sizeBytes);
      if (digest !== undefined) digests.set(leaf, digest);
    }
    if (digests.size < end - first) {
      const reading = {
        disk: target,
        sizeBytes,
        digester,
        from: first,
        end,
        skip: (leaf: number) => digests.has(leaf),
        retry: defaultRetry,
        onLeaf: (leaf: number, digest: Buffer) => void read.set(leaf, digest),
        onZeros: (from: number, count: number) => {
          for (let leaf = from; leaf < from + count; leaf += 1) read.set(leaf, zerosOf(leaf, sizeBytes));
        },
      };
      const read = new Map<number, Buffer>();
      await readLeaves(reading, signal);
      for (const [leaf, digest] of read) digests.set(leaf, digest);
    }
    const ordered = [...digests].sort(([a], [b]) => a - b).map(([, digest]) => digest);
    yield { chunk, digest: chunkDigest(ordered) };
  }
}

/** Without reading: what nobody touched is as it was, what was trimmed whole is zeros. */
function digestOf(
  leaf: number,
  touched: readonly Extent[],
  known: ReadonlyMap<number, Buffer>,
  sizeBytes: number,
): Buffer | undefined {
  const { offset, length } = leafRange(leaf, sizeBytes);
  const here = touched.filter((one) => one.offset < offset + length && one.offset + one.length > offset);
  if (here.length === 0) return known.get(leaf);
  const zeroed = here.every((one) => one.kind === 'zero');
  const whole = here.some((one) => one.offset <= offset && one.offset + one.length >= offset + length);
  return zeroed && whole ? zerosOf(leaf, sizeBytes) : undefined;
}

/** Lazy: the clusters of a chunk are gathered when it is its turn. */
function* byChunk(clusters: readonly Extent[], sizeBytes: number): Generator<[number, Extent[]]> {
  const ordered = clusters
    .filter(({ offset, length }) => length > 0 && offset < sizeBytes)
    .sort((a, b) => a.offset - b.offset);
  let next = 0;
  let open: Extent[] = [];
  const lastOf = (end: number): number => Math.floor((Math.min(end, sizeBytes) - 1) / chunkBytes);
  for (let chunk = -1; ; ) {
    open = open.filter((one) => lastOf(one.offset + one.length) > chunk);
    const upcoming = ordered[next];
    if (open.length > 0) chunk += 1;
    else if (upcoming !== undefined) chunk = Math.floor(upcoming.offset / chunkBytes);
    else return;
    for (let one = ordered[next]; one !== undefined && one.offset < (chunk + 1) * chunkBytes; one = ordered[++next]) {
      open.push(one);
    }
    yield [chunk, open];
  }
}
