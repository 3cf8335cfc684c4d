/** The rows that every move of a VM migration reads, and the lock under which all of them happen. */
import { sql, type RawBuilder, type Selectable } from 'kysely';
import type { Database } from '../db/database.ts';
import { type Executor, json, type Tx } from '../db/db.ts';
import { WherryError } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import { isUndo, type StepFacts, type VmFacts } from './advance.ts';
import type { GoneCheckpoint, UndoCheckpoint } from './keep.ts';
import { vmNameOf } from './vm-name.ts';

export { json };

export type VmRow = Selectable<Database['vm_migration']>;
export type MigrationRow = Selectable<Database['migration']>;
export type StepRow = Selectable<Database['step']>;

const engineLock = 7_117_010;

/**
 * Every transaction that moves states takes this lock first, and reads in later statements: a statement that takes the
 * lock itself has its snapshot from before it waited (57 ran instead of 40 when tried). One global lock carried 217
 * claims a second on a busy machine; steps last minutes. Do not optimise it.
 */
export async function lockEngine(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(${engineLock})`.execute(tx);
}

/** The database's clock as it is now: `now()` would be the start of the transaction, before it waited for the lock. */
export const now: RawBuilder<Date> = sql<Date>`clock_timestamp()`;
export function inMs(ms: number): RawBuilder<Date> {
  return sql<Date>`clock_timestamp() + ${ms}::double precision * interval '1 millisecond'`;
}

/** `null` as SQL's null, not as JSON's: only the first is `is null`. */
export function maybeJson<T>(value: T | null): RawBuilder<T> | null {
  return value === null || value === undefined ? null : json(value);
}

export type LoadedVm = { readonly row: VmRow; readonly steps: readonly StepRow[]; readonly facts: VmFacts };

/** @throws request.not_found */
export async function loadVm(tx: Executor, id: string): Promise<LoadedVm> {
  const row = await tx.selectFrom('vm_migration').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw new WherryError('request.not_found', { kind: 'VM migration', id });
  const steps = await tx
    .selectFrom('step')
    .selectAll()
    .where('vm_migration_id', '=', id)
    .orderBy('position')
    .orderBy('id')
    .execute();
  const { open, begun } = await tx
    .selectNoFrom([
      sql<number>`(select count(*)::int from ledger where vm_migration_id = ${id} and state in ('intended', 'created'))`.as(
        'open',
      ),
      sql<boolean>`exists (select from attempt where vm_migration_id = ${id} and outcome is distinct from 'declined')`.as(
        'begun',
      ),
    ])
    .executeTakeFirstOrThrow();
  return { row, steps, facts: factsOf(row, steps, open, begun) };
}

function factsOf(row: VmRow, steps: readonly StepRow[], openLedgerRows: number, begun: boolean): VmFacts {
  const { state, cancelation, error, itinerary } = row;
  return {
    state,
    cancelation,
    error,
    steps: steps.map(stepFacts),
    pointOfNoReturn: itinerary.pointOfNoReturn,
    openLedgerRows,
    begun,
  };
}

function stepFacts({ id, name, after, state, attempts, error }: StepRow): StepFacts {
  return { id, name, after, state, attempts, error };
}

export function nameOf(row: Pick<VmRow, 'vm' | 'spec'>): string {
  return vmNameOf(row.spec, row.vm);
}

/** A new undo step, ready at once; after all others. `keep`: it leaves what was copied. */
export async function addUndoStep(
  tx: Tx,
  vm: LoadedVm,
  checkpoint: UndoCheckpoint | GoneCheckpoint | null,
): Promise<void> {
  const position = Math.max(...vm.steps.map((step) => step.position)) + 1;
  await tx
    .insertInto('step')
    .values({
      id: newId(),
      vm_migration_id: vm.row.id,
      position,
      name: 'undo',
      after: [],
      state: 'ready',
      ready_at: now,
      checkpoint: maybeJson(checkpoint),
    })
    .execute();
}

export function undoStepOf(vm: Pick<LoadedVm, 'steps'>): StepRow | undefined {
  return vm.steps.findLast(isUndo);
}

/** The step whose running attempt has this token, locked until the transaction ends. @throws migration.stale_attempt */
export async function currentStep(tx: Tx, token: string): Promise<StepRow> {
  const step = await tx.selectFrom('step').selectAll().where('token', '=', token).forUpdate().executeTakeFirst();
  if (step === undefined) throw new WherryError('migration.stale_attempt', { token });
  return step;
}
