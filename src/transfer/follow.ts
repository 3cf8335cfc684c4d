/**
 * Verification that follows the copy: chunks are read back as soon as they are flushed and journaled, so that little is
 * left at its end. What it finds wrong, or cannot read, is left to the verification after the copy, which copies again.
 */
import { WherryError } from '../model/errors.ts';
import type { ChunkDigest, Coverage } from './coverage.ts';
import type { WritableDisk } from './disk.ts';
import { chunkBytes, chunkRange } from './digest.ts';
import { createFeed } from './feed.ts';
import { type Mismatch, verifyDisk } from './verify.ts';

export type Follower = {
  /** Chunks that are flushed and journaled. */
  done(chunks: readonly ChunkDigest[]): void;
  /** The copy has ended, one way or the other: nothing more comes. */
  end(): void;
  /**
   * After `end`, while the target is open and nothing is written to it: the chunks that were proved, in order.
   * @throws WherryError transfer.image_damaged
   */
  proved(): Promise<readonly number[]>;
};

export type FollowerTold = {
  /** What ended it before its time, with the digests: what was read wrong once may read right later, and that is worth knowing. */
  readonly onMismatch?: (mismatch: Mismatch) => void;
  /** So many chunks were read right and do not count, because the target does not stand by it. `cause`: why it could not say. */
  readonly onUnconfirmed?: (chunks: number, cause: unknown) => void;
};

/** Where the target cannot be read beside its writer (a qcow2 that qemu-nbd writes), nothing is proved here. */
export function follow(
  diskId: string,
  target: WritableDisk,
  coverage: Coverage,
  signal: AbortSignal,
  told: FollowerTold = {},
): Follower {
  const open = target.readBack?.bind(target);
  if (open === undefined) return { done: () => undefined, end: () => undefined, proved: () => Promise.resolve([]) };
  const feed = createFeed<number>();
  const right: number[] = [];
  const onRight = (chunk: number): void => void right.push(chunk);
  const onMismatch = (mismatch: Mismatch): void => told.onMismatch?.(mismatch);
  const verifying = verifyDisk({ diskId, open, coverage, feed, onRight, onMismatch }, signal).catch(() => undefined);
  return {
    done: (chunks) => feed.push(chunks.map(({ chunk }) => chunk)),
    end: () => feed.end(),
    async proved() {
      await verifying;
      const chunks = right.sort((a, b) => a - b);
      const confirm = target.confirm?.bind(target);
      if (confirm === undefined) return chunks;
      let cause: unknown = null;
      const ranges = chunks.map((chunk) => chunkRange(chunk, coverage.sizeBytes));
      const standing = await confirm(ranges, signal).catch((error: unknown) => {
        // That is no doubt about what was read: it reads right, and must not be written to.
        if (error instanceof WherryError && error.code === 'transfer.image_damaged') throw error;
        cause = error;
        return [];
      });
      // They are read back once more, after the copy.
      if (standing.length < chunks.length) told.onUnconfirmed?.(chunks.length - standing.length, cause);
      return standing.map(({ offset }) => offset / chunkBytes);
    },
  };
}

/** Chunks of a disk that are not among `proved`, as `verifyDisk` takes them: nothing is opened where none is left. */
export async function* rest(count: number, proved: readonly number[]): AsyncGenerator<readonly number[]> {
  const known = new Set(proved);
  const left = Array.from({ length: count }, (_, chunk) => chunk).filter((chunk) => !known.has(chunk));
  if (left.length > 0) yield left;
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
