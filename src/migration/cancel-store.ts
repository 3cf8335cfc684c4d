/** Somebody wants a VM migration to stop, or what it left behind to go. */
import type { Db, Tx } from '../db/db.ts';
import { WherryError } from '../model/errors.ts';
import { isEnded, isPastReturn, isStopping } from './advance.ts';
import { recordEvent, wakeCommands, wakeWork } from './news-store.ts';
import { addUndoStep, type LoadedVm, loadVm, lockEngine, nameOf, undoStepOf } from './rows-store.ts';
import { settle } from './settle-store.ts';
import { move } from './states.ts';

/** Why this VM migration cannot be canceled now, null if it can (or is being stopped already). Pure. */
export function cancelRefusal({ row, facts }: Pick<LoadedVm, 'row' | 'facts'>): WherryError | null {
  const vm = nameOf(row);
  if (row.state === 'canceled') return null;
  if (isEnded(row.state)) return new WherryError('migration.ended', { vm, state: row.state });
  if (isStopping(facts) || !isPastReturn(facts)) return null;
  return new WherryError('migration.past_return', { vm, step: facts.pointOfNoReturn });
}

/** Who cancels, and whether what was copied is to stay at the target for a retry. */
export type CancelOrder = { readonly actor: string; readonly keep: boolean };

/**
 * Asks for cancelation; asking again, or while a failure is being undone, changes nothing.
 * @throws migration.past_return, migration.ended, request.not_found
 */
export async function cancelVmMigration(db: Db, id: string, order: CancelOrder): Promise<void> {
  await db.transaction(async (tx) => {
    await lockEngine(tx);
    await cancelOne(tx, id, order);
  });
}

async function cancelOne(tx: Tx, id: string, { actor, keep }: CancelOrder): Promise<void> {
  const vm = await loadVm(tx, id);
  const refusal = cancelRefusal(vm);
  if (refusal !== null) throw refusal;
  if (isEnded(vm.row.state) || isStopping(vm.facts)) return;
  await tx
    .updateTable('vm_migration')
    .set({
      cancelation: move('cancelation', vm.row.cancelation, 'requested'),
      canceled_by: actor,
      cancel_keeps: keep,
      wait_reason: null,
    })
    .where('id', '=', id)
    .execute();
  await recordEvent(tx, {
    actor,
    code: 'vm_migration.cancel_requested',
    params: { vm: nameOf(vm.row) },
    migrationId: vm.row.migration_id,
    vmMigrationId: id,
  });
  await settle(tx, id);
}

/**
 * Cancels every VM of a migration that can still be canceled. Those past the point of no return go on; when none could be
 * canceled, the reason of the first is thrown. @throws request.not_found, migration.past_return, migration.ended
 */
export async function cancelMigration(db: Db, id: string, order: CancelOrder): Promise<void> {
  await db.transaction(async (tx) => {
    await lockEngine(tx);
    const migration = await tx.selectFrom('migration').select('id').where('id', '=', id).executeTakeFirst();
    if (migration === undefined) throw new WherryError('request.not_found', { kind: 'migration', id });
    const vms = await tx
      .selectFrom('vm_migration')
      .select('id')
      .where('migration_id', '=', id)
      .orderBy('position')
      .execute();
    let refusal: WherryError | null = null;
    let canceled = 0;
    for (const vm of vms) {
      const refused = cancelRefusal(await loadVm(tx, vm.id));
      refusal ??= refused;
      if (refused !== null) continue;
      await cancelOne(tx, vm.id, order);
      canceled += 1;
    }
    if (canceled === 0 && refusal !== null) throw refusal;
  });
}

/**
 * Why what was left cannot be removed now; null if it can. From the point of no return on, the VM at the target may be in use,
 * whatever of the hand-over has failed: it stays (`finishHandOver`). Pure.
 */
export function undoRefusal(vm: Pick<LoadedVm, 'row' | 'steps'>, openLedgerRows: number): WherryError | null {
  const { row, steps } = vm;
  const name = nameOf(row);
  const undo = undoStepOf(vm);
  const undoing = undo !== undefined && (undo.state === 'ready' || undo.state === 'running');
  const stopped = row.state === 'failed' || row.state === 'canceled';
  if (!stopped || openLedgerRows === 0 || undoing) return new WherryError('migration.nothing_to_undo', { vm: name });
  const handedOver = isPastReturn({ steps, pointOfNoReturn: row.itinerary.pointOfNoReturn });
  return handedOver ? new WherryError('migration.handed_over', { vm: name }) : null;
}

/** Who asks for the end of a VM migration, and whether what of it is not found was removed for good. */
export type EndOrder = { readonly actor: string; readonly gone: boolean };

/**
 * Undoes again what a failed VM migration left behind, and removes what was kept for a retry. Resolves with what `within`
 * makes in the same transaction.
 * @throws migration.nothing_to_undo, migration.handed_over, request.not_found
 */
export async function requestUndo<T>(
  db: Db,
  id: string,
  { actor, gone }: EndOrder,
  within: (tx: Tx) => Promise<T>,
): Promise<T> {
  return db.transaction(async (tx) => {
    await lockEngine(tx);
    const vm = await loadVm(tx, id);
    const refusal = undoRefusal(vm, vm.facts.openLedgerRows);
    if (refusal !== null) throw refusal;
    await addUndoStep(tx, vm, gone ? { gone: { saidBy: actor } } : null);
    await tx.updateTable('vm_migration').set({ undo_error: null }).where('id', '=', id).execute();
    await recordEvent(tx, {
      actor,
      code: 'vm_migration.undo_requested',
      params: { vm: nameOf(vm.row) },
      migrationId: vm.row.migration_id,
      vmMigrationId: id,
    });
    await wakeWork(tx);
    await wakeCommands(tx);
    return within(tx);
  });
}
