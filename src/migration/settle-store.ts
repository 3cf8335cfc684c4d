/** Writes what `advance` and `fateOf` decide. Called under the engine's lock. */
import type { Tx } from '../db/db.ts';
import { explain, type StoredError, toStored, WherryError } from '../model/errors.ts';
import { advance, isEnded, isPastReturn, isStopping, isUndo, type Next } from './advance.ts';
import { isKeeping, keepingUndo, keepsCopy } from './keep.ts';
import { migrationStateOf } from './migration-state.ts';
import { noteInLog } from './log-store.ts';
import { announce, recordEvent, wakeCommands, wakeWork } from './news-store.ts';
import { fateOf, type StepFate } from './outcome.ts';
import type { Policy } from './policy.ts';
import type { Outcome } from './protocol.ts';
import {
  addUndoStep,
  inMs,
  json,
  type LoadedVm,
  loadVm,
  maybeJson,
  nameOf,
  now,
  type StepRow,
  undoStepOf,
} from './rows-store.ts';
import { move } from './states.ts';

/** Ends the running attempt of a step and moves the step, the VM migration and the migration as follows from it. */
export async function endAttempt(
  tx: Tx,
  policy: Policy,
  step: StepRow,
  outcome: Outcome,
  endedBy: 'worker' | 'server',
): Promise<void> {
  const vm = await loadVm(tx, step.vm_migration_id);
  const undo = isUndo(step);
  const fate = fateOf(
    outcome,
    {
      name: step.name,
      vmName: nameOf(vm.row),
      fruitless: step.fruitless,
      attempts: step.attempts,
      stopping: !undo && isStopping(vm.facts),
      forwardOnly: undo || isPastReturn(vm.facts),
    },
    policy,
  );
  await tx
    .updateTable('attempt')
    .set({ ended_at: now, outcome: outcome.kind, error: maybeJson(errorOf(outcome)), ended_by: endedBy })
    .where('token', '=', step.token)
    .execute();
  await moveStep(tx, step, fate, outcome);
  await noteEnd(tx, policy, step, outcome);
  if (outcome.kind === 'declined' && fate.to === 'ready') await decline(tx, step, outcome.error);
  if (fate.to === 'failed' && !undo && !isStopping(vm.facts)) await fail(tx, vm, fate.error);
  await settle(tx, step.vm_migration_id);
}

async function noteEnd(tx: Tx, policy: Policy, step: StepRow, outcome: Outcome): Promise<void> {
  const error = errorOf(outcome);
  const level = outcome.kind === 'failed' ? 'error' : error === null ? 'info' : 'warning';
  const why = error === null ? [] : [explain(error).message, ...error.causes];
  await noteInLog(tx, policy, step, level, [outcome.kind, ...why].join(': '));
}

async function moveStep(tx: Tx, step: StepRow, fate: StepFate, outcome: Outcome): Promise<void> {
  const again = fate.to === 'ready';
  await tx
    .updateTable('step')
    .set({
      state: move('step', step.state, fate.to),
      token: null,
      lease_until: null,
      error: maybeJson(fate.error),
      fruitless: fate.fruitless,
      ...(outcome.kind === 'succeeded' && { result: json(outcome.result) }),
      ...(again ? { ready_at: inMs(fate.waitMs), not_before: inMs(fate.waitMs) } : { ended_at: now }),
    })
    .where('id', '=', step.id)
    .execute();
}

function errorOf(outcome: Outcome): StoredError | null {
  return 'error' in outcome ? outcome.error : null;
}

async function decline(tx: Tx, step: StepRow, error: StoredError): Promise<void> {
  await tx
    .insertInto('decline')
    .values({
      step_id: step.id,
      worker_id: step.worker_id ?? '',
      vm_migration_id: step.vm_migration_id,
      error: json(error),
    })
    .onConflict((conflict) => conflict.columns(['step_id', 'worker_id']).doUpdateSet({ error: json(error) }))
    .execute();
  await giveUpDeclined(tx, step.vm_migration_id);
}

/**
 * When every live worker has declined, waiting is of no use. With one worker alive, its own words are the error: that is
 * the one-machine case, where "no worker can" would only hide what to do. Returns whether it gave a step up.
 */
export async function giveUpDeclined(tx: Tx, vmMigrationId: string): Promise<boolean> {
  let gaveUp = false;
  const living = await tx.selectFrom('worker').select(['id', 'name']).where('alive_until', '>', now).execute();
  const steps = await tx
    .selectFrom('step')
    .selectAll()
    .where('vm_migration_id', '=', vmMigrationId)
    .where('state', '=', 'ready')
    .execute();
  for (const step of steps) {
    const declines = await tx
      .selectFrom('decline')
      .innerJoin('step', 'step.id', 'decline.step_id')
      .select(['decline.worker_id', 'decline.error', 'step.name'])
      .where('decline.vm_migration_id', '=', vmMigrationId)
      .where((where) => where.or([where('step.id', '=', step.id), where.lit(!isUndo(step))]))
      .orderBy('decline.declined_at')
      .execute();
    const said = declines.filter(({ name }) => isUndo({ name }) === isUndo(step));
    const of = (id: string): StoredError | undefined => said.findLast(({ worker_id }) => worker_id === id)?.error;
    if (living.length === 0 || living.some(({ id }) => of(id) === undefined)) continue;
    const vm = await loadVm(tx, vmMigrationId);
    const error = noWorkerError(
      nameOf(vm.row),
      living.flatMap(({ id, name }) => {
        const declined = of(id);
        return declined === undefined ? [] : [{ worker: name, error: declined }];
      }),
    );
    await tx
      .updateTable('step')
      .set({ state: move('step', step.state, 'failed'), error: json(error), ended_at: now })
      .where('id', '=', step.id)
      .execute();
    if (!isUndo(step)) await fail(tx, vm, error);
    gaveUp = true;
  }
  return gaveUp;
}

function noWorkerError(vm: string, said: ReadonlyArray<{ worker: string; error: StoredError }>): StoredError {
  const [only] = said;
  if (only !== undefined && said.length === 1) return only.error;
  const words = said.map(({ worker, error }) => `${worker}: ${new WherryError(error.code, error.params).message}`);
  const stored = toStored(new WherryError('migration.no_eligible_worker', { vm, reasons: words.join('; ') }));
  return { ...stored, causes: said.flatMap(({ error }) => error.causes).slice(0, 8) };
}

async function fail(tx: Tx, vm: LoadedVm, error: StoredError | null): Promise<void> {
  if (error === null || vm.row.error !== null) return; // the first error stays
  await tx
    .updateTable('vm_migration')
    .set({ error: json(error) })
    .where('id', '=', vm.row.id)
    .execute();
}

/** Asks `advance` what follows from where things stand, and writes it. Calling it twice changes nothing. */
export async function settle(tx: Tx, vmMigrationId: string): Promise<void> {
  const vm = await loadVm(tx, vmMigrationId);
  const next = advance(vm.facts);
  for (const { id, to } of next.steps) {
    const step = vm.steps.find((each) => each.id === id);
    if (step === undefined) continue;
    const state = move('step', step.state, to);
    const times = to === 'ready' ? { ready_at: now } : { ended_at: now };
    await tx
      .updateTable('step')
      .set({ state, ...times })
      .where('id', '=', id)
      .execute();
  }
  if (next.undo) await addUndoStep(tx, vm, keeps(vm) ? keepingUndo : null);
  await writeVm(tx, vm, next);
  await settleMigration(tx, vm.row.migration_id);
  await announce(tx, { migrationId: vm.row.migration_id, vmMigrationId });
  await wakeWork(tx);
  await wakeCommands(tx);
}

function keeps({ row, steps }: LoadedVm): boolean {
  const { options } = row.spec;
  const { error, cancel_keeps: cancelKeeps } = row;
  return keepsCopy({ onFailure: options.onFailure ?? 'remove', failed: error !== null, cancelKeeps, steps });
}

async function writeVm(tx: Tx, vm: LoadedVm, next: Next): Promise<void> {
  const { row } = vm;
  const ends = isEnded(next.state) && !isEnded(row.state);
  const undoError = next.undoError ?? null;
  await tx
    .updateTable('vm_migration')
    .set({
      state: next.state,
      cancelation: next.cancelation,
      undo_error: maybeJson(undoError),
      // Canceled, but not undone: what failed is the undoing.
      ...(ends && next.state === 'failed' && row.error === null && { error: maybeJson(undoError) }),
      ...(ends && { ended_at: now, wait_reason: null }),
    })
    .where('id', '=', row.id)
    .execute();
  if (!ends) return;
  const about = { actor: 'wherry', migrationId: row.migration_id, vmMigrationId: row.id };
  await recordEvent(tx, {
    ...about,
    code: `vm_migration.${next.state}`,
    params: { vm: nameOf(row) },
    severity: next.state === 'failed' ? 'error' : 'information',
  });
  // Everything we made must be gone or somebody's by now. If not, people must know, whatever the reason.
  const { count } = await tx
    .selectFrom('ledger')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('vm_migration_id', '=', row.id)
    .where('state', 'in', ['intended', 'created'])
    .executeTakeFirstOrThrow();
  if (count > 0) {
    const params = { vm: nameOf(row), count };
    const undo = undoStepOf(vm);
    const kept = undo?.state === 'succeeded' && isKeeping(undo.checkpoint);
    if (kept) await recordEvent(tx, { ...about, code: 'vm_migration.kept', params });
    else await recordEvent(tx, { ...about, code: 'ledger.left_open', params, severity: 'critical' });
  }
}

/** Brings the migration's state in line with its VM migrations'. */
export async function settleMigration(tx: Tx, id: string): Promise<void> {
  const migration = await tx.selectFrom('migration').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  if (migration.ended_at !== null) return;
  const vms = await tx.selectFrom('vm_migration').select('state').where('migration_id', '=', id).execute();
  const state = migrationStateOf(
    migration.state,
    vms.map((vm) => vm.state),
  );
  if (state === migration.state) return;
  const ended = state !== 'running';
  await tx
    .updateTable('migration')
    .set({ state, ...(ended ? { ended_at: now } : { started_at: now }) })
    .where('id', '=', id)
    .execute();
  await recordEvent(tx, {
    actor: 'wherry',
    code: `migration.${state}`,
    params: { name: migration.name },
    severity: state === 'failed' ? 'error' : 'information',
    migrationId: id,
  });
}
