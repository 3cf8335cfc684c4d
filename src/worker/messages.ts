/**
 * Between the worker and the child process that runs one VM migration's steps: Node's IPC channel, JSON. The child knows
 * no server address and no token but those of its attempts; everything durable goes through the worker.
 */
import type { JournalEntry, Lease, LedgerRow, LogLine, Outcome, Progress } from '../migration/protocol.ts';
import type { StoredError } from '../model/errors.ts';
import type { KeyedLimit } from '../model/limit.ts';
import type { Secrets } from '../model/provider.ts';

export type ToChild =
  | { readonly kind: 'step'; readonly lease: Lease; readonly directory: string }
  | { readonly kind: 'cancel'; readonly token: string }
  /**
   * Until when acting outside is allowed, and by when we will be heard of again: whoever hears nothing of its worker until
   * then ends. Both in ms of the machine's clock (gate.ts).
   */
  | { readonly kind: 'gate'; readonly openUntilMs: number; readonly silentUntilMs: number }
  /** All that the worker knows of, by key. */
  | { readonly kind: 'limits'; readonly limits: readonly KeyedLimit[] }
  | {
      readonly kind: 'call';
      readonly id: string;
      readonly method: string;
      readonly params: unknown;
      readonly secrets: Secrets;
    }
  | { readonly kind: 'reply'; readonly request: number; readonly value?: unknown; readonly error?: StoredError };

export type FromChild =
  | { readonly kind: 'started' }
  | { readonly kind: 'progress'; readonly token: string; readonly progress: Progress }
  | { readonly kind: 'journal'; readonly token: string; readonly entries: readonly JournalEntry[] }
  | { readonly kind: 'log'; readonly token: string; readonly line: LogLine }
  | { readonly kind: 'ledger'; readonly token: string; readonly request: number; readonly row: LedgerRow }
  | { readonly kind: 'checkpoint'; readonly token: string; readonly request: number; readonly value: unknown }
  | {
      readonly kind: 'chunks';
      readonly token: string;
      readonly request: number;
      readonly diskId: string;
      /** Why the disk is copied anew; absent when it is not. */
      readonly startOver?: string;
      readonly identity?: string;
    }
  /** Asks for bytes under the attempt's limits; answered when they may pass. */
  | { readonly kind: 'take'; readonly token: string; readonly request: number; readonly bytes: number }
  | { readonly kind: 'finish'; readonly token: string; readonly outcome: Outcome }
  | { readonly kind: 'answer'; readonly id: string; readonly result: unknown; readonly error: StoredError | null };
