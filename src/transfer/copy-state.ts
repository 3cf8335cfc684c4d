/** What the passes of one copy share: connections that may be opened again, counters, what is known about both ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WherryError } from '../model/errors.ts';
import { SideError } from './copy-errors.ts';
import type { CopyProgress, CopyRequest, CopyTuning } from './copy.ts';
import type { Coverage } from './coverage.ts';
import { leafBytes, leafRange } from './digest.ts';
import type { Digester } from './digest-threads.ts';
import type { Disk, Extent, Range, WritableDisk } from './disk.ts';
import { type Account, createAccount } from './explain.ts';
import type { Journal } from './journal.ts';
import { holds } from './ranges.ts';
import { type RetryPolicy, isPassing, retryDelay, retrying, systemCode } from './retry.ts';

export type CopyState = {
  readonly request: CopyRequest;
  readonly tuning: CopyTuning;
  readonly retry: RetryPolicy;
  readonly journal: Journal | null;
  readonly coverage: Coverage;
  readonly sizeBytes: number;
  readonly account: Account;
  readonly digester: Digester;
  readonly source: Disk;
  readonly target: WritableDisk;
  readonly discarded: readonly Range[];
  readonly bytesMoved: number;
  /** The source's, from where it stopped when it failed, over a new connection where there is one to be had. */
  extents(range: Range, signal: AbortSignal): AsyncIterable<Extent>;
  /** Reads into `buffer`; tries again, over a new connection where there is one to be had. */
  read(range: Range, buffer: Buffer, signal: AbortSignal): Promise<void>;
  /** New connections; unjournaled counters start anew. */
  renew(signal: AbortSignal, error: SideError): Promise<void>;
  /** Whether what was never written may be taken for zeros. `beside`: there is data in the same leaf. */
  trustsZeros(beside: boolean): boolean;
  /** Whether the leaf need not be copied, because a completed conversion trimmed it; remembers it then. */
  discards(leaf: number): boolean;
  count(bytes: number): void;
  written(bytes: number): void;
  report(last?: boolean): void;
  /** Closes what was opened again here. What the caller opened, the caller closes. */
  close(): Promise<void>;
};

const reportEveryMs = 500;
/** Before this, a prediction is a guess. */
const etaAfterMs = 2_000;

export function createCopyState(
  request: CopyRequest,
  parts: {
    readonly coverage: Coverage;
    readonly digester: Digester;
    readonly tuning: CopyTuning;
    readonly retry: RetryPolicy;
  },
): CopyState {
  const { coverage } = parts;
  const journal = request.journal ?? null;
  const sizeBytes = request.source.sizeBytes;
  const account = createAccount();
  const resumed = coverage.doneLeaves > 0;
  const began = performance.now();
  const doneBefore = Math.min(coverage.doneLeaves * leafBytes, sizeBytes);
  let source = request.source;
  let target = request.target;
  let reopening: Promise<void> | undefined;
  let bytesMoved = 0;
  /** Logical bytes dealt with: journaled, written, or discarded. */
  let bytesWritten = doneBefore;
  let reportedAt = 0;
  const discarded: Range[] = [];

  const reopenSource = async (broken: Disk, signal: AbortSignal): Promise<void> => {
    if (request.reopenSource === undefined || source !== broken) return;
    reopening ??= (async () => {
      try {
        if (broken !== request.source) await broken.close();
        const fresh = (await request.reopenSource?.(signal)) ?? broken;
        if (fresh.sizeBytes !== sizeBytes) {
          await fresh.close();
          const params = { disk: request.diskId, expected: sizeBytes, found: fresh.sizeBytes };
          throw new WherryError('transfer.source_changed', params);
        }
        source = fresh;
      } finally {
        reopening = undefined;
      }
    })();
    await reopening;
  };
  const readOnce = async (from: Disk, range: Range, buffer: Buffer, signal: AbortSignal): Promise<void> => {
    if (from.readInto !== undefined) return from.readInto(range.offset, buffer, signal);
    const bytes = await from.read(range.offset, range.length, signal);
    if (bytes.length !== range.length) {
      const params = { disk: request.diskId, expected: range.length, found: bytes.length, offset: range.offset };
      throw new WherryError('transfer.short_read', params);
    }
    bytes.copy(buffer);
  };
  const progress = (): CopyProgress => {
    const elapsed = performance.now() - began;
    const perMs = (bytesWritten - doneBefore) / Math.max(1, elapsed);
    const left = sizeBytes - bytesWritten;
    return {
      diskId: request.diskId,
      bytesDone: bytesWritten,
      bytesTotal: sizeBytes,
      bytesMoved,
      bytesPerSecond: account.rate(),
      etaSeconds: left <= 0 ? 0 : elapsed < etaAfterMs || perMs <= 0 ? null : left / perMs / 1000,
      waited: account.waited(),
      samples: account.samples(),
    };
  };

  return {
    ...parts,
    request,
    journal,
    sizeBytes,
    account,
    discarded,
    get source() {
      return source;
    },
    get target() {
      return target;
    },
    get bytesMoved() {
      return bytesMoved;
    },
    async *extents(range, signal) {
      const end = range.offset + range.length;
      let failures = 0;
      for (let at = range.offset; at < end; ) {
        const used = source;
        try {
          for await (const extent of used.extents({ offset: at, length: end - at }, signal)) {
            at = extent.offset + extent.length;
            failures = 0;
            yield extent;
          }
          return;
        } catch (error) {
          signal.throwIfAborted();
          failures += 1;
          if (!isPassing(error) || failures >= parts.retry.attempts) throw SideError.of('source', at, error);
          await sleep(retryDelay(parts.retry, failures), undefined, { signal });
          if (hasAnswered(error)) continue;
          await reopenSource(used, signal).catch((again: unknown) => {
            if (!isPassing(again)) throw SideError.of('source', at, again);
          });
        }
      }
    },
    async read(range, buffer, signal) {
      if (source.access === 'sequential') {
        await readOnce(source, range, buffer, signal).catch((error: unknown) => {
          throw SideError.of('source', range.offset, error);
        });
        return;
      }
      let used = source;
      try {
        await retrying(
          parts.retry,
          signal,
          async () => {
            used = source;
            await readOnce(used, range, buffer, signal);
          },
          {
            between: async (error) => {
              if (!hasAnswered(error)) await reopenSource(used, signal);
            },
          },
        );
      } catch (error) {
        throw SideError.of('source', range.offset, error);
      }
    },
    async renew(signal, error) {
      if (error.side === 'source' || source.access === 'sequential') await reopenSource(source, signal);
      if (error.side === 'target' && request.reopenTarget !== undefined) {
        // The caller's too: it holds the lock of its file, and nobody else would be let in.
        await target.close();
        target = await request.reopenTarget(signal);
      }
      bytesWritten = Math.min(coverage.doneLeaves * leafBytes, sizeBytes);
    },
    trustsZeros(beside) {
      return target.startsZeroed && (journal?.startedOver ?? null) === null && !(beside && resumed);
    },
    discards(leaf) {
      const range = leafRange(leaf, sizeBytes);
      if (!holds(request.discarded?.() ?? [], range)) return false;
      const last = discarded.at(-1);
      if (last !== undefined && last.offset + last.length === range.offset) {
        discarded[discarded.length - 1] = { offset: last.offset, length: last.length + range.length };
      } else if (!discarded.some((one) => covers(one, range))) {
        discarded.push(range);
      }
      bytesWritten += range.length;
      return true;
    },
    count(bytes) {
      bytesMoved += bytes;
      account.moved(bytes);
    },
    written(bytes) {
      bytesWritten += bytes;
      if (performance.now() - reportedAt >= reportEveryMs) this.report();
    },
    report(last = false) {
      if (!last && performance.now() - reportedAt < reportEveryMs) return;
      reportedAt = performance.now();
      request.onProgress?.(progress());
    },
    async close() {
      if (source !== request.source) await source.close();
      if (target !== request.target) await target.close();
    },
  };
}

/** The connection lives: it is the storage behind it that failed. */
function hasAnswered(error: unknown): boolean {
  // A file's own EIO is the same as what a server says of one.
  return error instanceof WherryError ? error.code === 'transfer.read_failed' : systemCode(error) === 'EIO';
}

function covers(outer: Range, inner: Range): boolean {
  return outer.offset <= inner.offset && outer.offset + outer.length >= inner.offset + inner.length;
}
