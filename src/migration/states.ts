/**
 * All states and all moves between them, in one place: code that moves a row asks `move`, docs and console print these
 * tables. A move that is not in a table is a defect and throws.
 */
import { WherryError } from '../model/errors.ts';

export const migrationMoves = {
  pending_approval: ['scheduled', 'denied', 'canceled'],
  scheduled: ['queued', 'canceled'],
  queued: ['running', 'failed', 'canceled'],
  running: ['paused', 'succeeded', 'failed', 'canceled'],
  paused: ['running', 'failed', 'canceled'],
  succeeded: [],
  failed: ['running'],
  canceled: [],
  denied: [],
} as const satisfies Record<string, readonly string[]>;
export type MigrationState = keyof typeof migrationMoves;

export const vmMigrationMoves = {
  planned: ['approved', 'canceled'],
  approved: ['queued', 'canceled'],
  queued: ['running', 'failed', 'canceled'],
  running: ['completed', 'failed', 'canceled', 'queued'],
  completed: [],
  failed: ['queued'],
  canceled: [],
} as const satisfies Record<string, readonly string[]>;
export type VmMigrationState = keyof typeof vmMigrationMoves;

/**
 * Where nothing goes on by itself. What has failed goes on in one case: when the hand-over had begun, and a person asks for it
 * to be finished (hand-over-store.ts). Its failed and undone steps wait once more then.
 */
export const endStates = {
  migration: ['succeeded', 'failed', 'canceled', 'denied'],
  vmMigration: ['completed', 'failed', 'canceled'],
} as const satisfies { migration: readonly MigrationState[]; vmMigration: readonly VmMigrationState[] };

/** A second field beside the state: a request to stop is not yet a stop. */
export const cancelationMoves = {
  none: ['requested'],
  requested: ['canceling', 'none'],
  canceling: ['canceled'],
  canceled: [],
} as const satisfies Record<string, readonly string[]>;
export type Cancelation = keyof typeof cancelationMoves;

/**
 * A step. `waiting`: for the steps before it. `ready`: a worker may have it. `skipped`: found unnecessary when it was its
 * turn (often by the worker that was given it). A ready step fails when no worker
 * can run it. `undone`: never to run, because the VM migration is being undone.
 */
export const stepMoves = {
  waiting: ['ready', 'skipped', 'undone'],
  ready: ['running', 'skipped', 'undone', 'failed'],
  running: ['succeeded', 'skipped', 'ready', 'failed', 'canceled'],
  succeeded: [],
  skipped: [],
  failed: ['waiting'],
  canceled: [],
  undone: ['waiting'],
} as const satisfies Record<string, readonly string[]>;
export type StepState = keyof typeof stepMoves;

/** What is outside and ours. Intent comes before the effect; every row ends as one of the last two. */
export const ledgerMoves = {
  intended: ['created', 'removed', 'handed_over'],
  created: ['removed', 'handed_over'],
  removed: [],
  handed_over: [],
} as const satisfies Record<string, readonly string[]>;
export type LedgerState = keyof typeof ledgerMoves;

export const moves = {
  migration: migrationMoves,
  vmMigration: vmMigrationMoves,
  cancelation: cancelationMoves,
  step: stepMoves,
  ledger: ledgerMoves,
} as const;

/** Checks a move; staying where one is counts as allowed, because every write may happen twice. */
export function move<K extends keyof typeof moves, S extends keyof (typeof moves)[K] & string>(
  kind: K,
  from: S,
  to: S,
): S {
  const allowed = moves[kind][from] as unknown as readonly string[];
  if (from !== to && !allowed.includes(to)) {
    throw new WherryError('internal', {}, new Error(`a ${kind} cannot go from ${from} to ${to}`));
  }
  return to;
}
