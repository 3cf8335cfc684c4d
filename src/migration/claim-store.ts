/** Gives a step to a worker that asks. */
import { type Selectable, sql } from 'kysely';
import type { Database } from '../db/database.ts';
import type { Db, Executor, Tx } from '../db/db.ts';
import { WherryError } from '../model/errors.ts';
import { failPoint } from '../model/fail-points.ts';
import { newIdAfter } from '../model/ids.ts';
import { admit, type AdmissionFacts, type Candidate } from './admission.ts';
import { isEnded } from './advance.ts';
import { buildLease } from './lease-store.ts';
import { noteInLog } from './log-store.ts';
import { announce, wakeCommands } from './news-store.ts';
import type { Policy } from './policy.ts';
import type { Lease, LeaseRequest } from './protocol.ts';
import { json, inMs, lockEngine, loadVm, now } from './rows-store.ts';
import { settleMigration } from './settle-store.ts';
import { move } from './states.ts';

export type Claim = { readonly lease: Lease | null; readonly againInMs: number | null };

/** More than this many waiting steps are not looked at in one claim: the rest waits behind them anyway. */
const horizon = 256;

/**
 * One try. The lock first, then, in later statements, the rows; see `lockEngine`.
 * @throws migration.worker_unknown, migration.worker_replaced
 */
export async function claim(db: Db, policy: Policy, request: LeaseRequest): Promise<Claim> {
  if (await nothingToDo(db.kysely, request)) return { lease: null, againInMs: null };
  const claimed = await db.transaction(async (tx): Promise<Claim> => {
    await lockEngine(tx);
    await knownWorker(tx, request);
    const before = await tx
      .selectFrom('lease_request')
      .select('token')
      .where('worker_id', '=', request.workerId)
      .where('request_id', '=', request.requestId)
      .executeTakeFirst();
    if (before !== undefined) return { lease: await buildLease(tx, before.token, policy), againInMs: null };
    const facts = await readAdmission(tx, policy, request.workerId);
    const admission = admit(request.workerId, facts);
    if (admission.kind === 'none') return { lease: null, againInMs: admission.againInMs };
    const token = await begin(tx, policy, request, admission.stepId);
    const lease = await buildLease(tx, token, policy);
    await failPoint('server.lease.before-commit');
    return { lease, againInMs: null };
  });
  if (claimed.lease !== null) await failPoint('server.lease.after-commit');
  return claimed;
}

/** A look without the lock: most polls find nothing, and must not queue for it. */
async function nothingToDo(db: Executor, request: LeaseRequest): Promise<boolean> {
  const { some } = await db
    .selectNoFrom(
      sql<boolean>`exists (select from step where state = 'ready' and coalesce(not_before, '-infinity') <= clock_timestamp())
        or exists (select from lease_request where worker_id = ${request.workerId} and request_id = ${request.requestId})
        or not exists (select from worker where id = ${request.workerId} and boot_id = ${request.bootId})`.as('some'),
    )
    .executeTakeFirstOrThrow();
  return !some;
}

/** @throws migration.worker_unknown, migration.worker_replaced */
export async function knownWorker(
  tx: Executor,
  { workerId, bootId }: Pick<LeaseRequest, 'workerId' | 'bootId'>,
): Promise<Selectable<Database['worker']>> {
  const worker = await tx.selectFrom('worker').selectAll().where('id', '=', workerId).executeTakeFirst();
  if (worker === undefined) throw new WherryError('migration.worker_unknown', { worker: workerId });
  if (worker.boot_id !== bootId) throw new WherryError('migration.worker_replaced', { worker: worker.name });
  return worker;
}

/**
 * What admission decides on. `askingId` narrows the candidates to those this worker could have at all (the pure function
 * looks again), so that a long queue that is bound elsewhere does not hide what it may have.
 */
export async function readAdmission(tx: Tx, policy: Policy, askingId: string | null): Promise<AdmissionFacts> {
  const active = await tx
    .selectFrom('vm_migration as v')
    .select(['v.worker_id', ({ fn }) => fn.countAll<number>().as('count')])
    .where((where) =>
      where.or([
        where('v.state', '=', 'running'),
        // Undoing that was asked for after the end takes a slot while it runs.
        where.exists(
          where.selectFrom('step').select('id').whereRef('vm_migration_id', '=', 'v.id').where('state', '=', 'running'),
        ),
      ]),
    )
    .groupBy('v.worker_id')
    .execute();
  const workers = await tx
    .selectFrom('worker')
    .select([
      'id',
      sql<boolean>`alive_until > clock_timestamp()`.as('alive'),
      sql<boolean>`coalesce(asks_until > clock_timestamp(), false)`.as('asking'),
    ])
    .execute();
  return {
    candidates: await readCandidates(tx, askingId),
    workers: workers.map(({ id, alive, asking }) => ({
      id,
      alive,
      asking,
      active: active.find(({ worker_id }) => worker_id === id)?.count ?? 0,
    })),
    active: active.reduce((sum, { count }) => sum + count, 0),
    limits: policy,
  };
}

async function readCandidates(tx: Tx, askingId: string | null): Promise<Candidate[]> {
  const { rows } = await sql<Candidate>`
    select s.id as "stepId", v.id as "vmMigrationId", v.state = 'running' as active, v.worker_id as "workerId",
      coalesce((select array_agg(r.worker_id::text) from step r
                where r.vm_migration_id = v.id and r.state = 'running'), '{}') as "runningOn",
      coalesce((select array_agg(d.worker_id::text) from decline d join step ds on ds.id = d.step_id
                where d.vm_migration_id = v.id and (ds.name = 'undo') = (s.name = 'undo')), '{}') as "declinedBy",
      extract(epoch from clock_timestamp() - s.ready_at)::float8 * 1000 as "readyForMs"
    from step s
    join vm_migration v on v.id = s.vm_migration_id
    left join worker w on w.id = v.worker_id
    where s.state = 'ready' and coalesce(s.not_before, '-infinity') <= clock_timestamp()
      and (${askingId}::uuid is null or v.worker_id is null or v.worker_id = ${askingId}::uuid
        or w.alive_until <= clock_timestamp() or exists (select from decline d where d.vm_migration_id = v.id))
      and not exists (select from decline d where d.step_id = s.id and d.worker_id = ${askingId}::uuid)
    -- What has begun goes before what has not; then first come, first served.
    order by v.started_at is null, v.migration_id, v.position, s.position
    limit ${horizon}`.execute(tx);
  return rows;
}

async function begin(tx: Tx, policy: Policy, request: LeaseRequest, stepId: string): Promise<string> {
  const step = await tx.selectFrom('step').selectAll().where('id', '=', stepId).executeTakeFirstOrThrow();
  const { row } = await loadVm(tx, step.vm_migration_id);
  const token = newIdAfter(await lastToken(tx, row.target_copy_id));
  const started = { worker_id: request.workerId, boot_id: request.bootId };
  const number = step.attempts + 1;
  await tx
    .updateTable('step')
    .set({
      ...started,
      state: move('step', step.state, 'running'),
      token,
      attempts: number,
      lease_until: inMs(policy.leaseMs),
      not_before: null,
      started_at: step.started_at ?? now,
    })
    .where('id', '=', stepId)
    .execute();
  await tx
    .insertInto('attempt')
    .values({ ...started, token, step_id: stepId, vm_migration_id: row.id, number })
    .execute();
  await tx
    .insertInto('lease_request')
    .values({ worker_id: request.workerId, request_id: request.requestId, token })
    .execute();
  await tx
    .updateTable('vm_migration')
    .set({
      worker_id: request.workerId,
      wait_reason: null,
      ...(!isEnded(row.state) && {
        state: move('vmMigration', row.state, 'running'),
        started_at: row.started_at ?? now,
      }),
    })
    .where('id', '=', row.id)
    .execute();
  const worker = await tx.selectFrom('worker').select('name').where('id', '=', request.workerId).executeTakeFirst();
  await noteInLog(tx, policy, { ...step, token }, 'info', `begins on worker ${worker?.name}, attempt ${number}`);
  await settleMigration(tx, row.migration_id);
  await announce(tx, { migrationId: row.migration_id, vmMigrationId: row.id });
  await wakeCommands(tx, request.workerId);
  return token;
}

/** What is known of a target copy is ordered by the tokens of who said it; clocks of servers differ, and are set back. */
async function lastToken(tx: Tx, targetCopyId: string): Promise<string | null> {
  const last = await tx
    .selectFrom('attempt as a')
    .innerJoin('vm_migration as v', 'v.id', 'a.vm_migration_id')
    .select('a.token')
    .where('v.target_copy_id', '=', targetCopyId)
    .orderBy('a.token', 'desc')
    .limit(1)
    .executeTakeFirst();
  return last?.token ?? null;
}

/** What each VM migration that does not run waits for, written where it changed. Returns how many did. */
export async function writeWaits(
  tx: Tx,
  waits: ReadonlyArray<{
    vmMigrationId: string;
    reason: { code: string; params: Record<string, string | number> } | null;
  }>,
): Promise<number> {
  let changed = 0;
  for (const { vmMigrationId, reason } of waits) {
    const wanted = reason === null ? null : JSON.stringify(reason);
    const row = await tx
      .updateTable('vm_migration')
      .set({ wait_reason: reason === null ? null : json(reason) })
      .where('id', '=', vmMigrationId)
      .where(sql<boolean>`wait_reason is distinct from ${wanted}::jsonb`)
      .returning('migration_id')
      .executeTakeFirst();
    if (row === undefined) continue;
    changed += 1;
    await announce(tx, { migrationId: row.migration_id, vmMigrationId });
  }
  return changed;
}
