/** What a worker writes for an attempt of its own. Every write carries the attempt's token; an old one is refused. */
import { sql } from 'kysely';
import type { Db, Executor, Tx } from '../db/db.ts';
import { WherryError } from '../model/errors.ts';
import { failPoint } from '../model/fail-points.ts';
import { voidChunks, writeChunks } from './chunk-store.ts';
import { writeLog } from './log-store.ts';
import { announce } from './news-store.ts';
import { keepRates, withoutSamples } from './rate-store.ts';
import type { Policy } from './policy.ts';
import type { AttemptReport, Heartbeat, HeartbeatAnswer, LedgerRow, LedgerWrite } from './protocol.ts';
import { currentStep, inMs, json, maybeJson, now } from './rows-store.ts';
import { move } from './states.ts';

/**
 * Extends the lease of every attempt that is still its worker's, and keeps what it reports. An attempt per transaction:
 * one that goes wrong must not cost the others their lease.
 */
export async function heartbeat(db: Db, policy: Policy, beat: Heartbeat): Promise<HeartbeatAnswer> {
  await seen(db.kysely, policy, beat);
  const attempts: HeartbeatAnswer['attempts'] = [];
  for (const report of beat.attempts) {
    const ok = await db.transaction((tx) => acceptReport(tx, policy, report));
    attempts.push({ token: report.token, state: ok ? 'ok' : 'stale' });
  }
  return { attempts };
}

/** The worker lives: one lease from now. */
export async function seen(
  db: Executor,
  policy: Policy,
  { workerId, bootId, load, asksMs }: { workerId: string; bootId: string; load?: number; asksMs?: number },
): Promise<void> {
  await db
    .updateTable('worker')
    .set({
      last_seen_at: now,
      alive_until: inMs(policy.leaseMs),
      ...(load !== undefined && { load }),
      ...(asksMs !== undefined && { asks_until: inMs(asksMs) }),
    })
    .where('id', '=', workerId)
    .where('boot_id', '=', bootId)
    .execute();
}

/** False when the attempt is no longer the worker's; then nothing is changed. */
export async function acceptReport(tx: Tx, policy: Policy, report: AttemptReport): Promise<boolean> {
  const step = await tx
    .updateTable('step')
    .set({
      lease_until: inMs(policy.leaseMs),
      ...(report.progress !== null && { progress: json(withoutSamples(report.progress)) }),
      // Bytes that need never be copied again: whatever ends this attempt, it was not fruitless.
      ...(report.journal.length > 0 && { fruitless: -1 }),
    })
    .where('token', '=', report.token)
    .where('state', '=', 'running')
    .returning(['vm_migration_id', 'name'])
    .executeTakeFirst();
  if (step === undefined) return false;
  const vm = await tx
    .selectFrom('vm_migration')
    .select(['migration_id', 'target_copy_id'])
    .where('id', '=', step.vm_migration_id)
    .executeTakeFirstOrThrow();
  await writeChunks(tx, vm.target_copy_id, report.token, report.journal);
  await keepRates(tx, step.vm_migration_id, report);
  await countBytes(tx, step.name, report);
  await writeLog(tx, policy, { vmMigrationId: step.vm_migration_id, step: step.name, ...report });
  await announce(tx, { migrationId: vm.migration_id, vmMigrationId: step.vm_migration_id });
  return true;
}

/** For the metrics: what an attempt has read so far, which never goes back, not even when its progress does. */
async function countBytes(tx: Tx, step: string, { token, progress }: AttemptReport): Promise<void> {
  if (step !== 'copy' && step !== 'stream') return;
  const moved = (progress?.disks ?? []).reduce((sum, disk) => sum + disk.bytesMoved, 0);
  if (moved === 0) return;
  await tx
    .updateTable('attempt')
    .set({ bytes_moved: sql<number>`greatest(bytes_moved, ${moved}::bigint)` })
    .where('token', '=', token)
    .execute();
}

/** @throws migration.stale_attempt */
export async function writeCheckpoint(db: Db, token: string, checkpoint: unknown): Promise<void> {
  await db.transaction(async (tx) => {
    const step = await currentStep(tx, token);
    await tx
      .updateTable('step')
      .set({ checkpoint: maybeJson(checkpoint), fruitless: -1 })
      .where('id', '=', step.id)
      .execute();
  });
  await failPoint('server.checkpoint.after-commit');
}

/**
 * Intent and outcome. Saying the same again changes nothing; a row moves along its table and never changes its owner.
 * @throws migration.stale_attempt, migration.ledger_conflict
 */
export async function writeLedger(db: Db, { token, row }: LedgerWrite): Promise<void> {
  await db.transaction(async (tx) => {
    const step = await currentStep(tx, token);
    const vm = await tx
      .selectFrom('vm_migration')
      .select(['id', 'migration_id', 'target_copy_id'])
      .where('id', '=', step.vm_migration_id)
      .executeTakeFirstOrThrow();
    const old = await tx.selectFrom('ledger').selectAll().where('id', '=', row.id).forUpdate().executeTakeFirst();
    if (old === undefined) {
      const { id, kind, state } = row;
      await tx
        .insertInto('ledger')
        .values({ id, kind, state, ref: json(row.ref), target_copy_id: vm.target_copy_id, vm_migration_id: vm.id })
        .execute();
    } else {
      const strange = old.target_copy_id !== vm.target_copy_id || old.kind !== row.kind;
      if (strange || !canMove(old.state, row.state)) {
        throw new WherryError('migration.ledger_conflict', { id: row.id, state: old.state });
      }
      const same = old.state === row.state && JSON.stringify(old.ref) === JSON.stringify(row.ref);
      if (same) return;
      await tx
        .updateTable('ledger')
        .set({ state: move('ledger', old.state, row.state), ref: json(row.ref), updated_at: now })
        .where('id', '=', row.id)
        .execute();
    }
    // What was copied to it is gone with it.
    const diskId = row.kind === 'target-disk' && row.state === 'removed' ? keyOf(row) : undefined;
    if (diskId !== undefined) await voidChunks(tx, vm.target_copy_id, diskId, token);
    await tx
      .insertInto('ledger_history')
      .values({ ledger_id: row.id, state: row.state, ref: json(row.ref), token })
      .execute();
    await announce(tx, { migrationId: vm.migration_id, vmMigrationId: vm.id });
  });
  await failPoint('server.ledger.after-commit');
}

function keyOf({ ref }: LedgerRow): string | undefined {
  const key = typeof ref === 'object' && ref !== null && 'key' in ref ? ref.key : undefined;
  return typeof key === 'string' ? key : undefined;
}

function canMove(from: LedgerWrite['row']['state'], to: LedgerWrite['row']['state']): boolean {
  try {
    move('ledger', from, to);
    return true;
  } catch {
    return false;
  }
}
