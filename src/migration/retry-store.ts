/**
 * Runs an ended VM migration again, as a new one on the same target copy: what is still there of it (disks, journals, the
 * result of a conversion) is found by the target copy's mark and ledger rows, which become the new one's. Whether it is still
 * what it was is for the steps to prove (migration/steps).
 */
import type { Db, Tx } from '../db/db.ts';
import { WherryError } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import type { MigrationOptions } from '../model/spec.ts';
import { isEnded, isPastReturn } from './advance.ts';
import { insertVmMigration } from './create-store.ts';
import { mayHaveRun } from './keep.ts';
import { recordEvent, wakeWork } from './news-store.ts';
import { type LoadedVm, loadVm, lockEngine, nameOf, undoStepOf } from './rows-store.ts';
import { type MigrationState, move } from './states.ts';

/**
 * A new migration of this one VM; resolves with what `within` makes of its id. Options that are not given stay as they were.
 * @throws migration.not_retryable, migration.retried, migration.retry_handed_over, migration.being_undone, request.not_found
 */
export async function retryVmMigration<T>(
  db: Db,
  id: string,
  wanted: { readonly options?: Partial<MigrationOptions>; readonly actor: string },
  within: (tx: Tx, migrationId: string) => Promise<T>,
): Promise<T> {
  return db.transaction(async (tx) => {
    await lockEngine(tx);
    const old = await loadVm(tx, id);
    await refuse(tx, old);
    const migrationId = newId();
    const before = await tx
      .selectFrom('migration')
      .select(['name', 'any_path'])
      .where('id', '=', old.row.migration_id)
      .executeTakeFirstOrThrow();
    const scheduled = move('migration', 'pending_approval', 'scheduled');
    const state: MigrationState = move('migration', scheduled, 'queued');
    const name = before.name;
    const { any_path } = before;
    await tx
      .insertInto('migration')
      .values({ id: migrationId, name, state, created_by: wanted.actor, any_path })
      .execute();
    const spec = { ...old.row.spec, options: { ...old.row.spec.options, ...wanted.options } };
    const vmMigrationId = await insertVmMigration(tx, {
      migrationId,
      position: 0,
      spec,
      targetCopyId: old.row.target_copy_id,
      retryOf: id,
      // What it left is in a directory of that worker: as long as it lives, nobody else gets the steps.
      workerId: old.row.worker_id,
      checkpoints: checkpointsFor(old),
    });
    await tx
      .updateTable('ledger')
      .set({ vm_migration_id: vmMigrationId })
      .where('target_copy_id', '=', old.row.target_copy_id)
      .where('state', 'in', ['intended', 'created'])
      .execute();
    // Its copy begins with the source's content everywhere: what a conversion had made of it is void.
    await tx.deleteFrom('applied_chunk').where('target_copy_id', '=', old.row.target_copy_id).execute();
    const about = { actor: wanted.actor, code: 'vm_migration.retried', params: { vm: nameOf(old.row) } };
    await recordEvent(tx, { ...about, migrationId: old.row.migration_id, vmMigrationId: id });
    await recordEvent(tx, {
      ...about,
      code: 'migration.created',
      params: { name, vms: 1 },
      migrationId,
      vmMigrationId,
    });
    await wakeWork(tx);
    return within(tx, migrationId);
  });
}

/** Why it cannot be run again now, from what is known without asking; null if it can. Pure. */
export function retryRefusal({ row, steps }: Pick<LoadedVm, 'row' | 'steps'>): WherryError | null {
  const vm = nameOf(row);
  if (!isEnded(row.state) || row.state === 'completed') {
    return new WherryError('migration.not_retryable', { vm, state: row.state });
  }
  // Handing over has begun: the VM may be in use, and its disks hold what no source has.
  if (isPastReturn({ steps, pointOfNoReturn: row.itinerary.pointOfNoReturn })) {
    return new WherryError('migration.retry_handed_over', { vm });
  }
  const undo = undoStepOf({ steps });
  if (undo?.state === 'ready' || undo?.state === 'running') return new WherryError('migration.being_undone', { vm });
  return null;
}

async function refuse(tx: Tx, old: LoadedVm): Promise<void> {
  const refusal = retryRefusal(old);
  if (refusal !== null) throw refusal;
  const { id, target_copy_id } = old.row;
  const vm = nameOf(old.row);
  const next = await tx.selectFrom('vm_migration').select('id').where('retry_of', '=', id).executeTakeFirst();
  if (next !== undefined) throw new WherryError('migration.retried', { vm, by: next.id });
  const handedOver = await tx
    .selectFrom('ledger')
    .select('id')
    .where('target_copy_id', '=', target_copy_id)
    .where('kind', 'in', ['target-vm', 'target-disk'])
    .where('state', '=', 'handed_over')
    .executeTakeFirst();
  // Past the point of no return: the disks are somebody's.
  if (handedOver !== undefined) throw new WherryError('migration.retry_handed_over', { vm });
}

/**
 * What the new steps must know of the old ones: where a conversion was applied, so that the copy puts the source's content
 * back there first; and that disks which a running VM may have written to are to be made anew.
 */
function checkpointsFor({ steps }: LoadedVm): Readonly<Record<string, unknown>> {
  const of = (name: string): unknown => steps.find((step) => step.name === name)?.checkpoint ?? null;
  if (mayHaveRun(steps)) return { 'create-disks': { anew: true } };
  const applied = of('apply');
  const copy = applied === null ? of('copy') : { applied };
  const disks = of('create-disks');
  return { ...(copy !== null && { copy }), ...(disks !== null && { 'create-disks': disks }) };
}
