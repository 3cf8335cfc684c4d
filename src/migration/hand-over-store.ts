/**
 * A hand-over that failed: the VM at the target is defined, may run and be somebody's already, so nothing is taken away; what
 * is missing is done instead. Its steps look before they act: done again, they complete what was begun (steps/end.ts).
 */
import type { Db, Tx } from '../db/db.ts';
import { WherryError } from '../model/errors.ts';
import { isPastReturn } from './advance.ts';
import type { EndOrder } from './cancel-store.ts';
import type { GoneCheckpoint } from './keep.ts';
import { recordEvent } from './news-store.ts';
import { json, type LoadedVm, loadVm, lockEngine, nameOf, undoStepOf } from './rows-store.ts';
import { settle } from './settle-store.ts';
import { move } from './states.ts';

/** Why its hand-over cannot be finished now; null if it can. Pure. */
export function finishRefusal({ row, steps }: Pick<LoadedVm, 'row' | 'steps'>): WherryError | null {
  const begun = isPastReturn({ steps, pointOfNoReturn: row.itinerary.pointOfNoReturn });
  if (row.state === 'failed' && begun && undoStepOf({ steps }) === undefined) return null;
  return new WherryError('migration.nothing_to_finish', { vm: nameOf(row), state: row.state });
}

/**
 * Runs again what of the hand-over failed, and all that follows; asking while it runs is refused. The errors of before stay
 * with the attempts, the events and the log. Resolves with what `within` makes in the same transaction.
 * @throws migration.nothing_to_finish, request.not_found
 */
export async function finishHandOver<T>(
  db: Db,
  id: string,
  { actor, gone }: EndOrder,
  within: (tx: Tx) => Promise<T>,
): Promise<T> {
  const word: GoneCheckpoint = { gone: { saidBy: actor } };
  return db.transaction(async (tx) => {
    await lockEngine(tx);
    const vm = await loadVm(tx, id);
    const refusal = finishRefusal(vm);
    if (refusal !== null) throw refusal;
    const { row } = vm;
    for (const step of vm.steps.filter(({ state }) => state === 'failed' || state === 'undone')) {
      await tx
        .updateTable('step')
        .set({
          state: move('step', step.state, 'waiting'),
          error: null,
          checkpoint: gone ? json(word) : null, // none of these steps has one of its own
          fruitless: 0,
          not_before: null,
          ready_at: null,
          ended_at: null,
        })
        .where('id', '=', step.id)
        .execute();
    }
    // What a worker could not do then, it may be able to do now.
    await tx.deleteFrom('decline').where('vm_migration_id', '=', id).execute();
    await tx
      .updateTable('vm_migration')
      .set({ state: move('vmMigration', row.state, 'queued'), error: null, undo_error: null, ended_at: null })
      .where('id', '=', id)
      .execute();
    const migration = await tx
      .selectFrom('migration')
      .select('state')
      .where('id', '=', row.migration_id)
      .executeTakeFirstOrThrow();
    await tx
      .updateTable('migration')
      .set({ state: move('migration', migration.state, 'running'), ended_at: null })
      .where('id', '=', row.migration_id)
      .execute();
    await recordEvent(tx, {
      actor,
      code: 'vm_migration.finish_requested',
      params: { vm: nameOf(row) },
      migrationId: row.migration_id,
      vmMigrationId: id,
    });
    await settle(tx, id);
    return within(tx);
  });
}
