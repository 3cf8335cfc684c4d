/**
 * What a conversion changed, brought to the copy: the overlay's own clusters, data and zeros (DESIGN.md 4). Repeatable only
 * with the same overlay; so the caller saves the list of clusters before the first is applied, and before a different
 * overlay is applied `restoreClusters` puts the source's content back there.
 */
import { WherryError } from '../model/errors.ts';
import type { FailPoint } from '../model/fail-points.ts';
import type { Disk, Extent, Range, WritableDisk } from './disk.ts';
import { readingForward } from './forward.ts';
import { blocks } from './leaves.ts';
import { type RetryPolicy, abortable, defaultRetry, isPassing, retrying } from './retry.ts';
import { runs } from './zeros.ts';

export type ClusterList = AsyncIterable<Extent> | Iterable<Extent>;

type Common = {
  readonly diskId: string;
  readonly target: WritableDisk;
  readonly mayAct?: () => Promise<void>;
  readonly retry?: Partial<RetryPolicy>;
  /** Bytes dealt with so far. */
  readonly onProgress?: (bytesDone: number) => void;
};

export type ApplyRequest = Common & {
  /** Gives at least the listed clusters' content. */
  readonly overlay: Disk;
  /** The overlay's own clusters: `data` to be written, `zero` to read as zeros. In any order. */
  readonly clusters: ClusterList;
  readonly failPoint?: (point: FailPoint) => Promise<void>;
  /** Where `apply.half` stands; absent: after the first cluster. */
  readonly totalBytes?: number;
};

export type Applied = { readonly clusters: number; readonly bytesWritten: number; readonly bytesZeroed: number };

const blockBytes = 1024 * 1024;
const longestZero = 1024 * 1024 * 1024;
const atOnce = 8;

/** Writes the overlay's clusters to the target and flushes. @throws transfer.copy_failed, transfer.no_space, … */
export async function applyOverlay(request: ApplyRequest, signal: AbortSignal): Promise<Applied> {
  const { overlay, target } = request;
  const half = (request.totalBytes ?? 0) / 2;
  let passedHalf = false;
  const applied = await spread(request, request.clusters, signal, async (piece) => {
    if (piece.kind === 'data') {
      const data = await overlay.read(piece.offset, piece.length, signal);
      await act(request, piece, signal, () => target.write(piece.offset, data, signal));
    } else {
      await act(request, piece, signal, () => target.zero(piece.offset, piece.length, signal));
    }
    return async (done) => {
      if (passedHalf || done < half) return;
      passedHalf = true;
      await request.failPoint?.('apply.half');
    };
  });
  await act(request, { offset: 0, length: 0 }, signal, () => target.flush(signal), false);
  return applied;
}

/**
 * Puts the source's content back where an overlay was applied (or begun to be), and flushes. A source that can only be read
 * in order must be freshly opened, and the clusters ascend.
 */
export async function restoreClusters(
  request: Common & { readonly source: Disk; readonly clusters: ClusterList },
  signal: AbortSignal,
): Promise<Applied> {
  const { source, target } = request;
  const inside = clipped(request.clusters, source.sizeBytes);
  const read = readingForward(source);
  const width = source.access === 'sequential' ? 1 : atOnce;
  const restore = async (piece: Extent): Promise<(done: number) => Promise<void>> => {
    // A hole of the source, or zeros that it calls data, go back as holes.
    for (const block of blocks([piece], blockBytes)) {
      const data = await read(block.offset, block.length, signal);
      for (const run of runs(data, data.length)) {
        const offset = block.offset + run.start;
        const length = run.end - run.start;
        await act(request, { offset, length }, signal, () =>
          run.zero
            ? target.zero(offset, length, signal)
            : target.write(offset, data.subarray(run.start, run.end), signal),
        );
      }
    }
    return async () => undefined;
  };
  const applied = await spread(request, inside, signal, restore, width);
  await act(request, { offset: 0, length: 0 }, signal, () => target.flush(signal), false);
  return applied;
}

/**
 * Reads back what was applied, from a freshly opened target, and compares it with the overlay byte by byte.
 * @throws transfer.applied_mismatch (disk, offset, length).
 */
export async function verifyApplied(
  request: Pick<ApplyRequest, 'diskId' | 'overlay' | 'clusters' | 'onProgress'> & { readonly target: Disk },
  signal: AbortSignal,
): Promise<void> {
  const { overlay, target, diskId } = request;
  await spread(request, request.clusters, signal, async (piece) => {
    if (piece.kind === 'zero') {
      for await (const extent of target.extents(piece, signal)) {
        if (extent.kind === 'zero') continue;
        for (const block of blocks([extent], blockBytes)) {
          const found = await target.read(block.offset, block.length, signal);
          if (!runs(found, found.length).every((run) => run.zero)) throw notApplied(diskId, block);
        }
      }
    } else {
      const [expected, found] = await Promise.all([
        overlay.read(piece.offset, piece.length, signal),
        target.read(piece.offset, piece.length, signal),
      ]);
      if (!expected.equals(found)) throw notApplied(diskId, piece);
    }
    return async () => undefined;
  });
}

function notApplied(disk: string, { offset, length }: Range): WherryError {
  return new WherryError('transfer.applied_mismatch', { disk, offset, length });
}

async function act(
  request: Common,
  piece: Range,
  signal: AbortSignal,
  action: () => Promise<void>,
  again = true,
): Promise<void> {
  try {
    await retrying(
      { ...defaultRetry, ...request.retry },
      signal,
      async () => {
        if (request.mayAct !== undefined) await abortable(request.mayAct(), signal);
        signal.throwIfAborted();
        await action();
      },
      // A failed flush is never tried again in place, nor is a lost connection: the step begins again.
      {
        passing: (error) =>
          again && isPassing(error) && error instanceof WherryError && error.code === 'transfer.write_failed',
      },
    );
  } catch (error) {
    if (signal.aborted || error instanceof WherryError) throw error;
    const params = { disk: request.diskId, side: 'target', offset: piece.offset, attempts: 1 };
    throw new WherryError('transfer.copy_failed', params, error);
  }
}

/** Runs `one` over all clusters cut into pieces, a few at a time. */
async function spread(
  request: { readonly onProgress?: (bytesDone: number) => void },
  clusters: ClusterList,
  signal: AbortSignal,
  one: (piece: Extent) => Promise<(done: number) => Promise<void>>,
  width = atOnce,
): Promise<Applied> {
  const counts = { clusters: 0, bytesWritten: 0, bytesZeroed: 0 };
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  const run = async (piece: Extent): Promise<void> => {
    const after = await one(piece);
    if (piece.kind === 'data') counts.bytesWritten += piece.length;
    else counts.bytesZeroed += piece.length;
    const done = counts.bytesWritten + counts.bytesZeroed;
    request.onProgress?.(done);
    await after(done);
  };
  try {
    for await (const cluster of clusters) {
      counts.clusters += 1;
      const largest = cluster.kind === 'data' ? blockBytes : longestZero;
      for (const range of blocks([cluster], largest)) {
        signal.throwIfAborted();
        if (failure !== undefined) break;
        const task: Promise<void> = run({ ...range, kind: cluster.kind })
          .catch((error: unknown) => {
            failure ??= { error };
          })
          .finally(() => running.delete(task));
        running.add(task);
        if (running.size >= width) await Promise.race(running);
      }
      if (failure !== undefined) break;
    }
  } finally {
    while (running.size > 0) await Promise.all(running);
  }
  signal.throwIfAborted();
  if (failure !== undefined) throw failure.error;
  return counts;
}

async function* clipped(clusters: ClusterList, sizeBytes: number): AsyncGenerator<Extent> {
  for await (const cluster of clusters) {
    const end = Math.min(cluster.offset + cluster.length, sizeBytes);
    if (end > cluster.offset) yield { ...cluster, length: end - cluster.offset };
  }
}
