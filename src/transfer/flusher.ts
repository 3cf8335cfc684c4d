/**
 * The rule that makes a copy resumable: a leaf is journaled only after the target was flushed past it, and never more
 * than the window (64 MiB) is under way or written but not yet journaled. A flush is begun when enough is written, and
 * copying goes on beside it as long as the window has room.
 */
import type { FailPoint } from '../model/fail-points.ts';
import type { Account } from './explain.ts';
import { createGate } from './gate.ts';
import type { JournalRecord } from './journal.ts';

/**
 * When written leaves are flushed and journaled. `bytes`: that much at most is copied again. `everyMs`: by time, for
 * targets where flushing is dear; then what was copied in that time is copied again.
 */
export type FlushRule =
  | { readonly bytes: number; readonly everyMs?: undefined }
  | { readonly everyMs: number; readonly bytes?: undefined };

export type FlushHooks = {
  readonly rule: FlushRule;
  readonly account: Account;
  mayAct(): Promise<void>;
  failPoint(point: FailPoint): Promise<void>;
  flush(): Promise<void>;
  /** Makes the records durable and says what became complete. */
  journal(records: readonly JournalRecord[]): Promise<void>;
  /** A flush or the journal failed: the records it was about are not done. */
  fail(error: unknown): void;
};

export type Flusher = {
  /** Waits until `bytes` more may be under way. */
  room(bytes: number, signal: AbortSignal): Promise<void>;
  /** What had room was given up before it was written. */
  drop(bytes: number): void;
  /** Written; `bytes` as given to `room`. */
  written(record: JournalRecord, bytes: number): void;
  /** Flushes and journals all that was written; rejects never, see `fail`. */
  finish(): Promise<void>;
  /** The target was lost: no flush proves anything any more about what it acknowledged before. */
  stop(): void;
};

export function createFlusher(hooks: FlushHooks): Flusher {
  const { rule, account } = hooks;
  const window = createGate(rule.bytes ?? Number.MAX_SAFE_INTEGER);
  let pending: JournalRecord[] = [];
  let pendingBytes = 0;
  let flushedAt = performance.now();
  let running: Promise<void> | undefined;
  let failed = false;

  const flush = async (): Promise<void> => {
    const records = pending;
    const bytes = pendingBytes;
    pending = [];
    pendingBytes = 0;
    flushedAt = performance.now();
    try {
      await hooks.failPoint('copy.written.before-flush');
      await hooks.mayAct();
      await hooks.flush();
      if (failed) return;
      await hooks.failPoint('copy.flushed.before-journal');
      await hooks.journal(records);
      await hooks.failPoint('copy.journaled');
      window.leave(bytes);
    } catch (error) {
      failed = true;
      hooks.fail(error);
    }
  };
  const due = (): boolean => {
    if (failed || pending.length === 0) return false;
    if (rule.bytes !== undefined) return pendingBytes >= rule.bytes / 2 || pending.length >= 4096;
    return performance.now() - flushedAt >= rule.everyMs;
  };
  /** At most one flush at a time; another follows at once while more is due. */
  const begin = (): void => {
    if (running === undefined && !failed) running = flushWhileDue();
  };
  const flushWhileDue = async (): Promise<void> => {
    do await flush();
    while (due());
    running = undefined;
  };
  return {
    async room(bytes, signal) {
      if (window.tryEnter(bytes)) return;
      account.hold('flush', true);
      try {
        await window.enter(bytes, signal);
      } finally {
        account.hold('flush', false);
      }
    },
    drop: (bytes) => window.leave(bytes),
    written(record, bytes) {
      pending.push(record);
      pendingBytes += bytes;
      if (due()) begin();
    },
    async finish() {
      account.hold('flush', true);
      await running;
      if (pending.length > 0) begin();
      await running;
      account.hold('flush', false);
    },
    stop() {
      failed = true;
    },
  };
}
