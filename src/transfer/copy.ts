/**
 * Copies a disk: resumable, digested, explained, within limits (DESIGN.md 4). The order that everything rests on: written →
 * flushed → journaled → told. Nothing here knows what kind of disk the two ends are.
 */
import type { FailPoint } from '../model/fail-points.ts';
import { WherryError } from '../model/errors.ts';
import { SideError, finalError } from './copy-errors.ts';
import { runPass } from './copy-pass.ts';
import { type CopyState, createCopyState } from './copy-state.ts';
import { type ChunkDigest, type Coverage, createCoverage } from './coverage.ts';
import { chunkBytes } from './digest.ts';
import { type Digester, openDigester } from './digest-threads.ts';
import type { Disk, Range, WritableDisk } from './disk.ts';
import type { RateSample, Station, Waited } from './explain.ts';
import type { FlushRule } from './flusher.ts';
import type { Journal } from './journal.ts';
import { united } from './ranges.ts';
import { type RetryPolicy, defaultRetry, isPassing, retryDelay, systemCode } from './retry.ts';
import type { Limit } from './throttle.ts';
import { setTimeout as sleep } from 'node:timers/promises';

/** Fields of `DiskProgress` of the worker's protocol, and the rate over time. */
export type CopyProgress = {
  readonly diskId: string;
  /** Logical bytes dealt with; falls back when unjournaled bytes must be copied again. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly bytesMoved: number;
  readonly bytesPerSecond: number;
  readonly etaSeconds: number | null;
  readonly waited: Waited;
  readonly samples: readonly RateSample[];
};

export type CopyTuning = {
  /** Leaf buffers of 4 MiB: the bound of memory. */
  readonly slots: number;
  readonly requests: number;
  readonly readAheadBytes: number;
  readonly blockBytes: number;
  readonly writeBytes: number;
  readonly flush: FlushRule;
};

const MiB = 1024 * 1024;
export const defaultTuning: CopyTuning = {
  slots: 12,
  requests: 32,
  readAheadBytes: 32 * MiB,
  blockBytes: MiB,
  writeBytes: 4 * MiB,
  flush: { bytes: chunkBytes },
};

export type CopyRequest = {
  readonly diskId: string;
  readonly source: Disk;
  /**
   * At least as large as the source; what is beyond it is zeroed. `startsZeroed` must be false when anything else than an
   * earlier attempt of this same copy (same source identity) may have written to it.
   */
  readonly target: WritableDisk;
  /** Absent: nothing is kept locally, and only `known` is skipped. */
  readonly journal?: Journal | null;
  /** Chunks that the server knows as done (another worker's); added to the journal. */
  readonly known?: Iterable<ChunkDigest>;
  /** Chunks that are complete, flushed and journaled; each once per run. Not called for `known` or found in the journal. */
  readonly onChunk?: (chunks: readonly ChunkDigest[]) => void;
  /** At most twice a second, and at the end. */
  readonly onProgress?: (progress: CopyProgress) => void;
  /** Awaited before every write, zero and flush. */
  readonly mayAct?: () => Promise<void>;
  /** All must grant; share each between the copies it is for. */
  readonly limits?: readonly Limit[];
  readonly failPoint?: (point: FailPoint) => Promise<void>;
  /** New connections after what may pass; closed by the copy. Absent: failures of that side end the copy sooner. */
  readonly reopenSource?: (signal: AbortSignal) => Promise<Disk>;
  readonly reopenTarget?: (signal: AbortSignal) => Promise<WritableDisk>;
  readonly retry?: Partial<RetryPolicy>;
  /** Ranges that a completed conversion trimmed, ascending; asked for every leaf. Leaves inside them are not copied. */
  readonly discarded?: () => readonly Range[];
  readonly tuning?: Partial<CopyTuning>;
  /** Instead of the threads that all copies of a process share; disposed of by the copy. */
  readonly digester?: Digester;
};

export type CopyResult = {
  /** Digests of all chunks but those with discarded leaves. */
  readonly coverage: Coverage;
  readonly bytesTotal: number;
  /** Bytes read from the source by this run. */
  readonly bytesMoved: number;
  /** Whole leaves that were not copied, in order. */
  readonly discarded: readonly Range[];
  readonly waited: Waited;
  readonly bottleneck: Station | null;
  readonly samples: readonly RateSample[];
  /** Why earlier work was thrown away; null when none was. */
  readonly startedOver: string | null;
  /** Passes begun because of what passed. */
  readonly restarts: number;
};

/**
 * Copies what is not done yet and resolves when all of it is written, flushed and journaled. Disks are not closed.
 * @throws transfer.copy_failed (disk, side, offset, cause), transfer.no_space, transfer.read_only, transfer.refused,
 * transfer.source_shrank, transfer.source_changed, transfer.short_read, transfer.target_too_small, or the signal's reason.
 */
export async function copyDisk(request: CopyRequest, signal: AbortSignal): Promise<CopyResult> {
  const { source, target, diskId } = request;
  if (target.sizeBytes < source.sizeBytes) {
    const params = { disk: diskId, expected: source.sizeBytes, found: target.sizeBytes };
    throw new WherryError('transfer.target_too_small', params);
  }
  const coverage = request.journal?.coverage ?? createCoverage(source.sizeBytes);
  await addKnown(request, coverage);
  using digester = request.digester ?? openDigester();
  const retry = { ...defaultRetry, ...request.retry };
  const state = createCopyState(request, {
    coverage,
    digester,
    retry,
    tuning: { ...defaultTuning, ...request.tuning },
  });
  try {
    const restarts = await passes(state, signal);
    await zeroTail(state, signal);
    state.report(true);
    return {
      coverage,
      bytesTotal: source.sizeBytes,
      bytesMoved: state.bytesMoved,
      discarded: united(state.discarded), // a pass after another may have begun before it
      waited: state.account.waited(),
      bottleneck: state.account.bottleneck(),
      samples: state.account.samples(),
      startedOver: request.journal?.startedOver ?? null,
      restarts,
    };
  } finally {
    await state.close();
  }
}

async function addKnown(request: CopyRequest, coverage: Coverage): Promise<void> {
  const unknown = [...(request.known ?? [])].filter((one) => coverage.chunk(one.chunk) === undefined);
  if (unknown.length === 0) return;
  const records = unknown.map(({ chunk, digest }) => ({ kind: 'chunk', chunk, digest }) as const);
  if (request.journal) await request.journal.append(records);
  else for (const { chunk, digest } of unknown) coverage.markChunk(chunk, digest);
}

/** Passes until one comes to its end; each new one only after what may pass, and after progress or a bounded number. */
async function passes(state: CopyState, signal: AbortSignal): Promise<number> {
  const { retry, request } = state;
  let fruitless = 0;
  for (let restarts = 0; ; ) {
    const before = state.coverage.doneLeaves;
    try {
      await runPass(state, signal);
      return restarts;
    } catch (error) {
      signal.throwIfAborted();
      fruitless = state.coverage.doneLeaves > before ? 0 : fruitless + 1;
      let last = error;
      // A new pass needs a new connection to the side that failed; sequential sources can be read again only from one.
      for (;;) {
        const renewable =
          last instanceof SideError &&
          isPassing(last.cause) &&
          (last.side === 'target' ? request.reopenTarget !== undefined : request.reopenSource !== undefined) &&
          (request.source.access === 'random' || request.reopenSource !== undefined);
        if (!(last instanceof SideError) || !renewable || fruitless >= passesFor(last, retry)) {
          throw finalError(request.diskId, last, fruitless);
        }
        await sleep(retryDelay(retry, fruitless + 1), undefined, { signal });
        try {
          await state.renew(signal, last);
          break;
        } catch (again) {
          signal.throwIfAborted();
          fruitless += 1;
          last = SideError.of(last.side, last.offset, again);
        }
      }
      restarts += 1;
    }
  }
}

/**
 * A connection that was lost may come back any time. Storage that answered each of many tries in place with an error gets
 * one new connection and no more: what is broken is to be told after seconds, not minutes.
 */
function passesFor({ cause }: SideError, retry: RetryPolicy): number {
  const answered =
    cause instanceof WherryError
      ? cause.code === 'transfer.read_failed' || cause.code === 'transfer.write_failed'
      : systemCode(cause) === 'EIO';
  return answered ? Math.min(2, retry.attempts) : retry.attempts;
}

async function zeroTail(state: CopyState, signal: AbortSignal): Promise<void> {
  const { target, sizeBytes, request } = state;
  if (target.sizeBytes <= sizeBytes || target.startsZeroed) return;
  await request.mayAct?.();
  await target.zero(sizeBytes, target.sizeBytes - sizeBytes, signal);
  await target.flush(signal);
}
