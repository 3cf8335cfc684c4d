/** Workers: how they introduce themselves, and what becomes of attempts whose worker is silent or started anew. */
import { sql } from 'kysely';
import type { Db, Tx } from '../db/db.ts';
import { type StoredError, toStored, WherryError } from '../model/errors.ts';
import { limitKey } from '../model/limit.ts';
import type { WorkerView } from './api.ts';
import { limitsOfKeys } from './limit-store.ts';
import { hostName } from './limits.ts';
import type { Policy } from './policy.ts';
import type { Hello } from './protocol.ts';
import { protocolVersion } from './protocol-version.ts';
import { inMs, lockEngine, now, type StepRow } from './rows-store.ts';
import { endAttempt } from './settle-store.ts';
import { announceWorker, wakeWork } from './news-store.ts';

/**
 * A new boot id means that the process of before is gone, with all it ran: its attempts are lost at once, not when their
 * leases run out. What the old process declined, the new one may be able to do. @throws migration.protocol
 */
export async function hello(db: Db, policy: Policy, said: Hello): Promise<void> {
  if (said.protocol !== protocolVersion) {
    throw new WherryError('migration.protocol', { worker: said.name, theirs: said.protocol, ours: protocolVersion });
  }
  await db.transaction(async (tx) => {
    await lockEngine(tx);
    const { name, host, user, version, protocol } = said;
    const row = { name, host, os_user: user, version, protocol, boot_id: said.bootId };
    const alive = { last_seen_at: now, alive_until: inMs(policy.leaseMs) };
    const old = await tx.selectFrom('worker').select('boot_id').where('id', '=', said.workerId).executeTakeFirst();
    await tx
      .insertInto('worker')
      .values({ id: said.workerId, ...row, ...alive })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ ...row, ...alive }))
      .execute();
    await announceWorker(tx, said.workerId);
    if (old === undefined || old.boot_id === said.bootId) return wakeWork(tx);
    await tx.deleteFrom('decline').where('worker_id', '=', said.workerId).execute();
    const orphans = await tx
      .selectFrom('step')
      .selectAll()
      .where('state', '=', 'running')
      .where('worker_id', '=', said.workerId)
      .where('boot_id', '!=', said.bootId)
      .forUpdate()
      .execute();
    const error = toStored(new WherryError('migration.worker_restarted', { worker: said.name }));
    for (const step of orphans) await lose(tx, policy, step, error);
    return wakeWork(tx);
  });
}

/** Of these target copies, those that nothing will ask for any more: all ended with an empty ledger, or unknown here. */
export async function unwantedOf(db: Db, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const { rows } = await sql<{ id: string }>`
    select id from unnest(${[...ids]}::uuid[]) as asked (id)
    where exists (select from vm_migration v where v.target_copy_id = asked.id
                  and v.state not in ('completed', 'failed', 'canceled'))
      or exists (select from ledger l where l.target_copy_id = asked.id and l.state in ('intended', 'created'))`.execute(
    db.kysely,
  );
  const kept = new Set(rows.map(({ id }) => id));
  return ids.filter((id) => !kept.has(id));
}

async function lose(tx: Tx, policy: Policy, step: StepRow, error: StoredError): Promise<void> {
  await endAttempt(tx, policy, step, { kind: 'lost', error }, 'server');
}

/** Takes back every attempt whose lease has run out. Nothing but heartbeats moves that time. Returns how many. */
export async function expireLeases(db: Db, policy: Policy): Promise<number> {
  const due = await db.kysely
    .selectFrom('step')
    .select('id')
    .where('state', '=', 'running')
    .where('lease_until', '<', now)
    .execute();
  let count = 0;
  for (const { id } of due) count += (await db.transaction((tx) => expireOne(tx, policy, id))) ? 1 : 0;
  return count;
}

async function expireOne(tx: Tx, policy: Policy, id: string): Promise<boolean> {
  await lockEngine(tx);
  // Locked, then looked at again: a heartbeat that came in between has saved it.
  const step = await tx
    .selectFrom('step')
    .selectAll()
    .where('id', '=', id)
    .where('state', '=', 'running')
    .where('lease_until', '<', now)
    .forUpdate()
    .executeTakeFirst();
  if (step === undefined) return false;
  const worker = await tx
    .selectFrom('worker')
    .select('name')
    .where('id', '=', step.worker_id)
    .executeTakeFirstOrThrow();
  const seconds = Math.round(policy.leaseMs / 100) / 10;
  const error = new WherryError('migration.lease_expired', { worker: worker.name, seconds });
  await lose(tx, policy, step, toStored(error));
  return true;
}

/**
 * A server that starts gives every running attempt, and every worker that works on something, one more period: nobody
 * could reach it while it was away, and an outage longer than a lease must not restart every copy.
 */
export async function graceAfterStart(db: Db, policy: Policy): Promise<void> {
  await db.transaction(async (tx) => {
    await lockEngine(tx);
    await tx
      .updateTable('step')
      .set({ lease_until: sql<Date>`greatest(lease_until, ${inMs(policy.leaseMs)})` })
      .where('state', '=', 'running')
      .execute();
    await tx
      .updateTable('worker')
      .set({ alive_until: sql<Date>`greatest(alive_until, ${inMs(policy.leaseMs)})` })
      .where((where) =>
        where(
          'id',
          'in',
          where
            .selectFrom('vm_migration')
            .select('worker_id')
            .where('state', '=', 'running')
            .where('worker_id', 'is not', null),
        ),
      )
      .execute();
  });
}

/** Answers that were given are kept long enough to be asked for again. */
export async function forgetOldRequests(db: Db): Promise<void> {
  const hourAgo = sql<Date>`clock_timestamp() - interval '1 hour'`;
  await db.kysely.deleteFrom('lease_request').where('answered_at', '<', hourAgo).execute();
  await db.kysely.deleteFrom('worker_call').where('asked_at', '<', hourAgo).execute();
}

export async function listWorkers(db: Db): Promise<WorkerView[]> {
  const rows = await db.kysely
    .selectFrom('worker')
    .select((row) => [
      'id',
      'name',
      'host',
      'os_user',
      'version',
      'last_seen_at',
      sql<boolean>`alive_until > clock_timestamp()`.as('alive'),
      row
        .selectFrom('vm_migration')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .whereRef('vm_migration.worker_id', '=', 'worker.id')
        .where('vm_migration.state', '=', 'running')
        .as('active'),
    ])
    .orderBy('name')
    .orderBy('id')
    .execute();
  const limits = await limitsOfKeys(db.kysely, rows.flatMap(keysOf));
  return rows.map(({ os_user, last_seen_at, active, ...row }) => ({
    ...row,
    limits: limits.filter(({ scope, id }) => keysOf(row).includes(limitKey(scope, id))),
    user: os_user,
    lastSeenAt: last_seen_at.toISOString(),
    load: active ?? 0,
  }));
}

function keysOf({ id, host }: { readonly id: string; readonly host: string }): string[] {
  return [limitKey('worker', id), limitKey('host', hostName(host))];
}
