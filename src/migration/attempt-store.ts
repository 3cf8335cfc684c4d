/** What a worker writes for an attempt of its own. Every write carries the attempt's token; an old one is refused. */
import { sql } from 'kysely';
import type { Db, Executor, Tx } from '../db/db.ts';
import { WherryError } from '../model/errors.ts';
import { failPoint } from '../model/fail-points.ts';
import { writeLog } from './log-store.ts';
import { announce } from './news-store.ts';
import { keepRates, withoutSamples } from './rate-store.ts';
import type { Policy } from './policy.ts';
import type {
  AttemptReport,
  ChunksAnswer,
  ChunksRequest,
  Heartbeat,
  HeartbeatAnswer,
  JournalEntry,
  LedgerWrite,
} from './protocol.ts';
import { json, inMs, maybeJson, type StepRow, now } from './rows-store.ts';
import { move } from './states.ts';

/** The step whose running attempt has this token, locked until the transaction ends. @throws migration.stale_attempt */
export async function currentStep(tx: Tx, token: string): Promise<StepRow> {
  const step = await tx.selectFrom('step').selectAll().where('token', '=', token).forUpdate().executeTakeFirst();
  if (step === undefined) throw new WherryError('migration.stale_attempt', { token });
  return step;
}

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
  await writeLog(tx, policy, { vmMigrationId: step.vm_migration_id, step: step.name, ...report });
  await announce(tx, { migrationId: vm.migration_id, vmMigrationId: step.vm_migration_id });
  return true;
}

async function writeChunks(
  tx: Tx,
  targetCopyId: string,
  token: string,
  journal: readonly JournalEntry[],
): Promise<void> {
  for (const table of ['copy_chunk', 'applied_chunk'] as const) {
    const told = journal.filter(({ applied }) => (applied === true) === (table === 'applied_chunk'));
    if (told.length === 0) continue;
    await sql`
      insert into ${sql.table(table)} (target_copy_id, disk_id, chunk, token, digest)
      select ${targetCopyId}, disk_id, chunk, ${token}, decode(digest, 'hex')
      from unnest(${told.map((entry) => entry.diskId)}::text[], ${told.map((entry) => entry.chunk)}::integer[],
                  ${told.map((entry) => entry.digest)}::text[]) as told (disk_id, chunk, digest)
      on conflict do nothing`.execute(tx);
  }
}

/** The chunks that count: said since the disk was last begun anew; of several, what the latest attempt said. */
export async function readChunks(db: Executor, targetCopyId: string, diskId?: string): Promise<JournalEntry[]> {
  const { rows } = await sql<JournalEntry>`
    select distinct on (c.disk_id, c.chunk) c.disk_id as "diskId", c.chunk, encode(c.digest, 'hex') as digest
    from copy_chunk c
    where c.target_copy_id = ${targetCopyId} and (${diskId ?? null}::text is null or c.disk_id = ${diskId ?? null})
      and not exists (select from copy_restart r
                      where r.target_copy_id = c.target_copy_id and r.disk_id = c.disk_id and r.token > c.token)
    order by c.disk_id, c.chunk, c.token desc`.execute(db);
  return rows;
}

/** @throws migration.stale_attempt */
export async function chunksFor(db: Db, request: ChunksRequest): Promise<ChunksAnswer> {
  return db.transaction(async (tx) => {
    const step = await currentStep(tx, request.token);
    const { target_copy_id } = await tx
      .selectFrom('vm_migration')
      .select('target_copy_id')
      .where('id', '=', step.vm_migration_id)
      .executeTakeFirstOrThrow();
    if (request.startOver === true) {
      await tx
        .insertInto('copy_restart')
        .values({ target_copy_id, disk_id: request.diskId, token: request.token })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
    return { chunks: await readChunks(tx, target_copy_id, request.diskId) };
  });
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
    await tx
      .insertInto('ledger_history')
      .values({ ledger_id: row.id, state: row.state, ref: json(row.ref), token })
      .execute();
    await announce(tx, { migrationId: vm.migration_id, vmMigrationId: vm.id });
  });
  await failPoint('server.ledger.after-commit');
}

function canMove(from: LedgerWrite['row']['state'], to: LedgerWrite['row']['state']): boolean {
  try {
    move('ledger', from, to);
    return true;
  } catch {
    return false;
  }
}
