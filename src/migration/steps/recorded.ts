/**
 * Intent before effect (DESIGN.md 6.2): whatever comes to be outside this process is in the ledger first, and its row ends
 * as removed or handed over. A step that runs again finds its own open row by the object's key and uses it again.
 */
import { newId } from '../../model/ids.ts';
import type { FailPoint } from '../../model/fail-points.ts';
import type { LedgerRow } from '../protocol.ts';
import type { StepContext } from '../step.ts';

/** The key of the private directory among the rows of its kind. */
export const workKey = 'work';

type Kind = LedgerRow['kind'];

/** The open row of an object, from what the lease told or from what this attempt has written since. */
export function openRow(context: StepContext, kind: Kind, key: string): LedgerRow | undefined {
  return context.lease.ledger.find((row) => row.kind === kind && keyOf(row.ref) === key);
}

export function openRows(context: StepContext, kind: Kind): LedgerRow[] {
  return context.lease.ledger.filter((row) => row.kind === kind);
}

/**
 * Writes the intent, lets `effect` act, writes what came of it. `key` tells objects of a kind apart within a VM
 * migration and stays the same over attempts.
 */
export async function recorded<T extends object>(
  context: StepContext,
  object: {
    readonly kind: Kind;
    readonly key: string;
    readonly planned: T;
    readonly points?: { readonly intent?: FailPoint; readonly effect?: FailPoint };
    /** Only in the worker's own directory: goes on while heartbeats are unanswered. */
    readonly local?: boolean;
  },
  effect: () => Promise<T>,
): Promise<T> {
  const known = openRow(context, object.kind, object.key);
  const id = known?.id ?? newId();
  const row = (state: LedgerRow['state'], ref: T): LedgerRow => ({
    id,
    kind: object.kind,
    state,
    ref: { ...ref, key: object.key },
  });
  // What an earlier attempt has made stays made; its row goes on from there.
  if (known?.state !== 'created') await context.ledger(row('intended', object.planned));
  if (object.points?.intent !== undefined) await context.failPoint(object.points.intent);
  if (object.local !== true) await context.mayAct();
  const made = await effect();
  if (object.points?.effect !== undefined) await context.failPoint(object.points.effect);
  await context.ledger(row('created', made));
  return made;
}

function keyOf(ref: unknown): string | undefined {
  return (ref as { key?: string } | null)?.key;
}
