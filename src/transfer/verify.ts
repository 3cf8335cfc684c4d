/**
 * Proves a copy: reads the target back and compares it with the digests taken at the source, before anything is applied.
 * It can follow the copy while it runs, fed with the chunks that are flushed and journaled. Reading past the page cache,
 * over a connection of its own, is what the given `open` does.
 */
import { WherryError } from '../model/errors.ts';
import type { Coverage } from './coverage.ts';
import {
  chunkCount,
  chunkDigest,
  chunkRange,
  leafRange,
  leavesOfChunk,
  leavesPerChunk,
  zeroChunkDigest,
} from './digest.ts';
import { type Digester, openDigester } from './digest-threads.ts';
import type { Disk, Range } from './disk.ts';
import type { FailPoint } from '../model/fail-points.ts';
import { holds, united } from './ranges.ts';
import { readLeaves, slotCount, zerosOf } from './readback.ts';
import { type RetryPolicy, defaultRetry } from './retry.ts';
import { type Slots, createSlots } from './slots.ts';
import type { Limit } from './throttle.ts';

export type VerifyRequest = {
  readonly diskId: string;
  /** Opens what was written, freshly: nothing of what the writer remembers may answer. Called again after each re-copy. */
  readonly open: (signal: AbortSignal) => Promise<Disk>;
  /** Of the source, from its copy. May still grow while `feed` is open. */
  readonly coverage: Coverage;
  /** Not copied on purpose, ascending: not compared. Whole leaves; their chunks are compared leaf by leaf. */
  readonly discarded?: readonly Range[];
  /** Chunks to verify as they become ready; each batch is read over a fresh connection. Absent: all, now. */
  readonly feed?: AsyncIterable<readonly number[]>;
  /** Single digests of a chunk where this worker has them: a mismatch is then named by its leaf of 4 MiB. */
  readonly leavesOf?: (chunk: number) => Promise<Map<number, Buffer>>;
  /** Copies what is compared of the chunk from the source once more, flushed when it resolves. Absent: a mismatch is final at once. */
  readonly copyAgain?: (chunk: number, range: Range, signal: AbortSignal) => Promise<void>;
  readonly limits?: readonly Limit[];
  readonly retry?: Partial<RetryPolicy>;
  readonly failPoint?: (point: FailPoint) => Promise<void>;
  readonly onRight?: (chunk: number) => void;
  /** Told of each chunk that is found wrong, before it is copied again or ends the verification. */
  readonly onMismatch?: (mismatch: Mismatch) => void;
  /** Logical bytes proved so far, of the disk's size. */
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void;
};

/** What was read back and is not what was copied: the first wrong leaf where single digests are known, else the chunk. */
export type Mismatch = {
  readonly chunk: number;
  readonly offset: number;
  readonly length: number;
  /** SHA-256 of the source's bytes and of those that were read back, in hex. */
  readonly expected: string;
  readonly found: string;
};

export type VerifyResult = {
  readonly chunks: number;
  /** Bytes really read. */
  readonly bytesRead: number;
  /** Chunks that were wrong once and right after one more copy. */
  readonly copiedAgain: readonly number[];
};

/**
 * Resolves when every chunk is proved.
 * @throws transfer.verify_mismatch (disk, offset, length, expected, found), transfer.verify_incomplete (no digest known).
 */
export async function verifyDisk(request: VerifyRequest, signal: AbortSignal): Promise<VerifyResult> {
  using digester = openDigester();
  const counts = { chunks: 0, bytesRead: 0, bytesDone: 0 };
  const means = { digester, slots: createSlots(slotCount) };
  const copiedAgain: number[] = [];
  const { sizeBytes } = request.coverage;
  await request.failPoint?.('verify.reading');
  for await (const batch of request.feed ?? everything(chunkCount(sizeBytes))) {
    signal.throwIfAborted();
    const wrong = await compare(request, runsOf(batch), means, counts, signal);
    for (const [chunk, leaves] of wrong) {
      const first = await mismatch(request, chunk, leaves);
      request.onMismatch?.(first);
      if (request.copyAgain === undefined) throw wrongBytes(request, first);
      for (const range of compared(request, chunk)) await request.copyAgain(chunk, range, signal);
      const still = await compare(request, [{ first: chunk, count: 1 }], means, counts, signal);
      const leavesStill = still.get(chunk);
      if (leavesStill !== undefined) throw wrongBytes(request, await mismatch(request, chunk, leavesStill));
      copiedAgain.push(chunk);
    }
  }
  await request.failPoint?.('verify.done');
  return { chunks: counts.chunks, bytesRead: counts.bytesRead, copiedAgain };
}

/** Of a chunk, what was not discarded: that stays as it is, whatever is copied again. */
function compared({ coverage, discarded = [] }: VerifyRequest, chunk: number): Range[] {
  const { sizeBytes } = coverage;
  const { first, end } = leavesOfChunk(chunk, sizeBytes);
  const leaves = Array.from({ length: end - first }, (_, index) => leafRange(first + index, sizeBytes));
  const known = coverage.chunk(chunk) !== undefined;
  return united(known ? leaves : leaves.filter((leaf) => !holds(discarded, leaf)));
}

type ChunkRun = { readonly first: number; readonly count: number };

async function* everything(count: number): AsyncGenerator<readonly number[]> {
  yield Array.from({ length: count }, (_, chunk) => chunk);
}

/** Reads runs of chunks over one connection; the digests of the leaves of those that are wrong. */
async function compare(
  request: VerifyRequest,
  chunkRuns: readonly ChunkRun[],
  means: { readonly digester: Digester; readonly slots: Slots },
  counts: { chunks: number; bytesRead: number; bytesDone: number },
  signal: AbortSignal,
): Promise<Map<number, Map<number, Buffer>>> {
  const { coverage, diskId, discarded = [] } = request;
  const { sizeBytes } = coverage;
  const partial = new Map([...coverage.partial()].map(({ leaf, digest }) => [leaf, digest]));
  const isDiscarded = (leaf: number): boolean => {
    return holds(discarded, leafRange(leaf, sizeBytes));
  };
  const wrong = new Map<number, Map<number, Buffer>>();
  const open = new Map<number, Map<number, Buffer>>();
  const finish = (chunk: number, leaves: Map<number, Buffer>): void => {
    open.delete(chunk);
    if (isRight(chunk, leaves)) request.onRight?.(chunk);
    else wrong.set(chunk, leaves);
    proved(chunk);
  };
  const proved = (chunk: number): void => {
    counts.chunks += 1;
    counts.bytesDone += chunkRange(chunk, sizeBytes).length;
    request.onProgress?.(Math.min(counts.bytesDone, sizeBytes), sizeBytes);
  };
  const isRight = (chunk: number, leaves: Map<number, Buffer>): boolean => {
    const expected = coverage.chunk(chunk);
    if (expected !== undefined) return chunkDigest(inOrder(leaves)).equals(expected);
    for (const [leaf, digest] of leaves) {
      const one = partial.get(leaf);
      if (one === undefined) throw incomplete(diskId, leafRange(leaf, sizeBytes).offset);
      if (!one.equals(digest)) return false;
    }
    return true;
  };
  const add = (leaf: number, digest: Buffer): void => {
    const chunk = Math.floor(leaf / leavesPerChunk);
    const leaves = open.get(chunk) ?? new Map<number, Buffer>();
    open.set(chunk, leaves);
    leaves.set(leaf, digest);
    if (leaves.size === expectedLeaves(chunk)) finish(chunk, leaves);
  };
  const expectedLeaves = (chunk: number): number => {
    const { first, end } = leavesOfChunk(chunk, sizeBytes);
    if (coverage.chunk(chunk) !== undefined || discarded.length === 0) return end - first;
    let count = 0;
    for (let leaf = first; leaf < end; leaf += 1) if (!isDiscarded(leaf)) count += 1;
    return count;
  };
  const disk = await request.open(signal);
  try {
    if (disk.sizeBytes < sizeBytes) {
      throw new WherryError('transfer.target_too_small', { disk: diskId, expected: sizeBytes, found: disk.sizeBytes });
    }
    for (const run of chunkRuns) {
      const from = leavesOfChunk(run.first, sizeBytes).first;
      const { end } = leavesOfChunk(run.first + run.count - 1, sizeBytes);
      const readback = {
        disk,
        sizeBytes,
        ...means,
        from,
        end,
        skip: (leaf: number) => coverage.chunk(Math.floor(leaf / leavesPerChunk)) === undefined && isDiscarded(leaf),
        retry: { ...defaultRetry, ...request.retry },
        ...(request.limits === undefined ? {} : { limits: request.limits }),
        onLeaf: add,
        onZeros: (first: number, count: number) => {
          for (let leaf = first; leaf < first + count; ) {
            const chunk = Math.floor(leaf / leavesPerChunk);
            const whole = leavesOfChunk(chunk, sizeBytes);
            const expected = coverage.chunk(chunk);
            if (leaf === whole.first && first + count >= whole.end && expected !== undefined) {
              if (expected.equals(zeroChunkDigest(chunkRange(chunk, sizeBytes).length))) {
                request.onRight?.(chunk);
                proved(chunk);
                leaf = whole.end;
                continue;
              }
            }
            add(leaf, zerosOf(leaf, sizeBytes));
            leaf += 1;
          }
        },
        onBytes: (bytes: number) => {
          counts.bytesRead += bytes;
        },
      };
      await readLeaves(readback, signal);
    }
  } finally {
    await disk.close();
  }
  return wrong;
}

function inOrder(leaves: Map<number, Buffer>): Buffer[] {
  return [...leaves].sort(([a], [b]) => a - b).map(([, digest]) => digest);
}

/** Names the first wrong leaf where single digests are known, else the chunk. */
async function mismatch(request: VerifyRequest, chunk: number, found: Map<number, Buffer>): Promise<Mismatch> {
  const { sizeBytes } = request.coverage;
  const known = (await request.leavesOf?.(chunk)) ?? new Map<number, Buffer>();
  for (const { leaf, digest } of request.coverage.partial()) known.set(leaf, digest);
  const told = (range: Range, expected: Buffer | undefined, digest: Buffer): Mismatch => {
    return { chunk, ...range, expected: expected?.toString('hex') ?? '', found: digest.toString('hex') };
  };
  for (const [leaf, digest] of [...found].sort(([a], [b]) => a - b)) {
    const expected = known.get(leaf);
    if (expected === undefined || expected.equals(digest)) continue;
    return told(leafRange(leaf, sizeBytes), expected, digest);
  }
  return told(chunkRange(chunk, sizeBytes), request.coverage.chunk(chunk), chunkDigest(inOrder(found)));
}

function wrongBytes({ diskId }: VerifyRequest, { chunk: _chunk, ...wrong }: Mismatch): WherryError {
  return new WherryError('transfer.verify_mismatch', { disk: diskId, ...wrong });
}

function incomplete(disk: string, offset: number): WherryError {
  return new WherryError('transfer.verify_incomplete', { disk, offset });
}

function runsOf(chunks: readonly number[]): ChunkRun[] {
  const found: { first: number; count: number }[] = [];
  for (const chunk of [...chunks].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last !== undefined && last.first + last.count === chunk) last.count += 1;
    else found.push({ first: chunk, count: 1 });
  }
  return found;
}
