/**
 * What a step is given. A step can run twice: it looks before it creates, records intent before effect, and asks
 * `mayAct` before anything that acts outside the worker (writes to a target, power, creation), because a worker that
 * has lost touch with the server must not act (DESIGN.md 2, point 7). Purely local work need not ask.
 */
import type { JournalEntry, Lease, LedgerRow, LogLine, Progress } from './protocol.ts';
import type { FailPoint } from '../model/fail-points.ts';
import type { Providers } from '../providers/provider.ts';
import type { Limit } from '../transfer/throttle.ts';

export type StepContext = {
  readonly lease: Lease;
  readonly signal: AbortSignal;
  readonly providers: Providers;
  /**
   * A private directory (0700) of this target copy on this worker, where a retry finds what was kept; removed when there is
   * nothing more to do for it.
   */
  readonly directory: string;
  /** Resolves when acting outside is allowed; waits while heartbeats go unanswered. */
  mayAct(): Promise<void>;
  /** Latest wins; sent with the next heartbeat. */
  progress(progress: Progress): void;
  /** Sent with the next heartbeat, each exactly once per attempt that is not lost. */
  journal(entries: readonly JournalEntry[]): void;
  log(level: LogLine['level'], text: string): void;
  /** Durable when it resolves. Rejects when the attempt is stale. */
  ledger(row: LedgerRow): Promise<void>;
  /** Durable when it resolves. */
  checkpoint(value: unknown): Promise<void>;
  /**
   * Chunks of a disk that the server was told of, by this or another worker: what need not be copied again. `startOver`:
   * why the disk is copied anew, so that what earlier attempts told of it is void from now on. `identity`: what proves that
   * source and target are the same; when the server's chunks are about another one they are void too, and `startedOver` says so.
   */
  chunks(
    diskId: string,
    options?: { readonly startOver?: string; readonly identity?: string },
  ): Promise<{ readonly chunks: readonly JournalEntry[]; readonly startedOver: string | null }>;
  /** What all copies of this attempt must ask before they read: shared with everything else under the same limits. */
  readonly limit: Limit;
  /** Does nothing unless a test armed this point. */
  failPoint(point: FailPoint): Promise<void>;
};

/** `skipped` tells the engine that there was nothing to do. */
export type StepResult = { readonly skipped: true } | { readonly skipped?: false; readonly value: unknown };
export type Step = (context: StepContext) => Promise<StepResult>;
