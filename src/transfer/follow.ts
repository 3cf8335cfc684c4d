/**
 * Verification that follows the copy: chunks are read back as soon as they are flushed and journaled, so that little is
 * left at its end. What it finds wrong, or cannot read, is left to the verification after the copy, which copies again.
 */
import type { ChunkDigest, Coverage } from './coverage.ts';
import type { WritableDisk } from './disk.ts';
import { createFeed } from './feed.ts';
import { type Mismatch, verifyDisk } from './verify.ts';

export type Follower = {
  /** Chunks that are flushed and journaled. */
  done(chunks: readonly ChunkDigest[]): void;
  /** The copy has ended, one way or the other: nothing more comes. */
  end(): void;
  /** After `end`: the chunks that were proved, in order. */
  proved(): Promise<readonly number[]>;
};

/**
 * Where the target cannot be read beside its writer (qcow2), nothing is proved here. `onMismatch`: told of what ended it
 * before its time, with the digests; what was read wrong once may read right later, and that is worth knowing.
 */
export function follow(
  diskId: string,
  target: WritableDisk,
  coverage: Coverage,
  signal: AbortSignal,
  onMismatch: (mismatch: Mismatch) => void = () => undefined,
): Follower {
  const open = target.readBack?.bind(target);
  if (open === undefined) return { done: () => undefined, end: () => undefined, proved: () => Promise.resolve([]) };
  const feed = createFeed<number>();
  const right: number[] = [];
  const onRight = (chunk: number): void => void right.push(chunk);
  const verifying = verifyDisk({ diskId, open, coverage, feed, onRight, onMismatch }, signal).catch(() => undefined);
  return {
    done: (chunks) => feed.push(chunks.map(({ chunk }) => chunk)),
    end: () => feed.end(),
    async proved() {
      await verifying;
      return right.sort((a, b) => a - b);
    },
  };
}

/** Chunks of a disk that are not among `proved`, as `verifyDisk` takes them. */
export async function* rest(count: number, proved: readonly number[]): AsyncGenerator<readonly number[]> {
  const known = new Set(proved);
  yield Array.from({ length: count }, (_, chunk) => chunk).filter((chunk) => !known.has(chunk));
}

/** Chunks in order as runs of first and count: short, however large the disk. */
export function chunkRuns(chunks: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const chunk of chunks) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === chunk) last[1] += 1;
    else runs.push([chunk, 1]);
  }
  return runs;
}

/** The chunks of `chunkRuns`. */
export function provedChunks(runs: readonly (readonly [number, number])[]): number[] {
  return runs.flatMap(([first, count]) => Array.from({ length: count }, (_, index) => first + index));
}
