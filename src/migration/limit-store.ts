/** Bandwidth limits: what was set, what is under them, and what each worker may use of them now. */
import { sql } from 'kysely';
import type { Db, Executor, Tx } from '../db/db.ts';
import { recordEvent } from '../db/event-store.ts';
import { WherryError } from '../model/errors.ts';
import { type KeyedLimit, limitKey, type LimitScope, mostLimits } from '../model/limit.ts';
import type { LimitView, SetLimits } from './api.ts';
import { type Claim, demandOf, hostName, type LimitedProvider, limitKeysOf, type Seen, shareOut } from './limits.ts';
import { announce, announceWorker, wakeCommands } from './news-store.ts';
import type { Progress } from './protocol.ts';
import { now, type VmRow } from './rows-store.ts';

const transferSteps = ['copy', 'verify'];

type LimitRow = { readonly scope: LimitScope; readonly id: string; readonly bytesPerSecond: number };

async function readRows(db: Executor): Promise<LimitRow[]> {
  return db
    .selectFrom('bandwidth_limit')
    .select(['scope', 'id', 'bytes_per_second as bytesPerSecond'])
    .orderBy('scope')
    .orderBy('id')
    .limit(mostLimits)
    .execute();
}

/** All limits that are set, with the names that people know their subjects by. */
export async function listLimits(db: Executor): Promise<LimitView[]> {
  const { rows } = await sql<LimitRow & { name: string; setBy: string; setAt: Date }>`
    select l.scope, l.id, coalesce(m.name, w.name, p.name, l.id) as name, l.bytes_per_second as "bytesPerSecond",
      l.set_by as "setBy", l.set_at as "setAt"
    from bandwidth_limit l
    left join migration m on l.scope = 'migration' and m.id::text = l.id
    left join worker w on l.scope = 'worker' and w.id::text = l.id
    left join provider p on l.scope = 'provider' and p.id::text = l.id
    order by l.scope, name, l.id limit ${mostLimits}`.execute(db);
  return rows.map((row) => ({ ...row, setAt: row.setAt.toISOString() }));
}

/**
 * Sets those that are named, lifts those that are null; others stay. All or none. Workers hear of it at once.
 * @throws request.not_found for a migration, worker or provider that there is not
 */
export async function setLimits(db: Db, { limits }: SetLimits, actor: string): Promise<void> {
  await db.transaction(async (tx) => {
    for (const { scope, id: given, bytesPerSecond } of limits) {
      const id = scope === 'host' ? hostName(given) : given.toLowerCase();
      if (bytesPerSecond === null) {
        const lifted = await tx
          .deleteFrom('bandwidth_limit')
          .where('scope', '=', scope)
          .where('id', '=', id)
          .executeTakeFirst();
        if (lifted.numDeletedRows === 0n) continue; // there was none: nothing to tell, and it may be nobody's id
      } else {
        await mustBe(tx, scope, id);
        const set = { bytes_per_second: bytesPerSecond, set_by: actor, set_at: now };
        await tx
          .insertInto('bandwidth_limit')
          .values({ scope, id, ...set })
          .onConflict((conflict) => conflict.columns(['scope', 'id']).doUpdateSet(set))
          .execute();
      }
      const code = bytesPerSecond === null ? 'limit.lifted' : 'limit.set';
      const params = { scope, id, ...(bytesPerSecond !== null && { bytesPerSecond }) };
      const migrationId = scope === 'migration' ? id : null;
      await recordEvent(tx, { actor, code, params, severity: 'information', migrationId });
      if (scope === 'migration') await announce(tx, { migrationId: id });
      if (scope === 'worker') await announceWorker(tx, id);
      if (scope === 'host') await announceHost(tx, id);
    }
    await wakeCommands(tx);
  });
}

async function announceHost(tx: Tx, host: string): Promise<void> {
  const workers = await tx.selectFrom('worker').select(['id', 'host']).execute();
  for (const worker of workers) if (hostName(worker.host) === host) await announceWorker(tx, worker.id);
}

async function mustBe(tx: Tx, scope: LimitScope, id: string): Promise<void> {
  if (scope === 'host') return;
  const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
  const row = isId ? await tx.selectFrom(scope).select('id').where('id', '=', id).executeTakeFirst() : undefined;
  if (row === undefined) throw new WherryError('request.not_found', { kind: scope, id });
}

async function providersOf(db: Executor): Promise<LimitedProvider[]> {
  return db.selectFrom('provider').select(['id', 'account', 'via']).where('removed_at', 'is', null).execute();
}

/** Of a lease. @param vm what is copied */
export async function limitKeysOfVm(
  db: Executor,
  { migration_id, spec }: Pick<VmRow, 'migration_id' | 'spec'>,
  workerId: string,
): Promise<string[]> {
  const worker = await db
    .selectFrom('worker')
    .select(['id', 'host'])
    .where('id', '=', workerId)
    .executeTakeFirstOrThrow();
  return limitKeysOf({ migrationId: migration_id, spec }, worker, await providersOf(db));
}

/** Tells of each migration which limits its copies are under now; its own also before anything is copied. */
export async function limitsOfMigrations(
  db: Executor,
): Promise<(migrationId: string, vms: readonly Pick<VmRow, 'spec' | 'state' | 'worker_id'>[]) => LimitRow[]> {
  const rows = await readRows(db);
  if (rows.length === 0) return () => [];
  const workers = await db.selectFrom('worker').select(['id', 'host']).execute();
  const providers = await providersOf(db);
  return (migrationId, vms) => {
    const keys = new Set([limitKey('migration', migrationId)]);
    for (const { spec, state, worker_id } of vms) {
      const worker = workers.find(({ id }) => id === worker_id);
      if (state !== 'running' || worker === undefined) continue;
      for (const key of limitKeysOf({ migrationId, spec }, worker, providers)) keys.add(key);
    }
    return rows.filter(({ scope, id }) => keys.has(limitKey(scope, id)));
  };
}

/** Those that are set of these keys. */
export async function limitsOfKeys(db: Executor, keys: readonly string[]): Promise<LimitRow[]> {
  return (await readRows(db)).filter(({ scope, id }) => keys.includes(limitKey(scope, id)));
}

/**
 * What a worker must know: its share of every limit that its copies, or the next one it begins, may be under. A limit whose
 * copies run on several workers is shared out by what they are seen to do.
 */
export async function limitsOfWorker(db: Executor, workerId: string): Promise<KeyedLimit[]> {
  const rows = (await readRows(db)).filter(({ scope, id }) => scope !== 'worker' || id === workerId);
  if (rows.length === 0) return [];
  const running = await readRunning(db);
  return rows.map(({ scope, id, bytesPerSecond }) => {
    const key = limitKey(scope, id);
    const under = running.filter(({ keys }) => keys.includes(key));
    return { key, bytesPerSecond: shareOf(workerId, bytesPerSecond, under) };
  });
}

type Running = { readonly workerId: string; readonly keys: readonly string[]; readonly seen: Seen | null };

async function readRunning(db: Executor): Promise<Running[]> {
  const providers = await providersOf(db);
  const rows = await db
    .selectFrom('step as s')
    .innerJoin('vm_migration as v', 'v.id', 's.vm_migration_id')
    .innerJoin('worker as w', 'w.id', 's.worker_id')
    .select(['w.id', 'w.host', 'v.migration_id', 'v.spec', 's.progress'])
    .where('s.state', '=', 'running')
    .where('s.name', 'in', transferSteps)
    .execute();
  return rows.map(({ id, host, migration_id, spec, progress }) => ({
    workerId: id,
    keys: limitKeysOf({ migrationId: migration_id, spec }, { id, host }, providers),
    seen: seenOf(progress),
  }));
}

function seenOf(progress: Progress | null): Seen | null {
  const moving = progress?.disks.filter((disk) => disk.bytesDone < disk.bytesTotal && disk.waited !== null) ?? [];
  if (moving.length === 0) return null;
  return {
    bytesPerSecond: moving.reduce((all, disk) => all + disk.bytesPerSecond, 0),
    limited: Math.max(...moving.map(({ waited }) => waited?.limiter ?? 0)),
  };
}

/** Shares change in steps of this part of the limit, so that workers are not told of every breath. */
const steps = 128;

function shareOf(workerId: string, total: number, under: readonly Running[]): number {
  const others = under.some((one) => one.workerId !== workerId);
  if (!others) return total;
  // Who has none of it yet may begin in a moment.
  const all = under.some((one) => one.workerId === workerId) ? under : [...under, { workerId, keys: [], seen: null }];
  const claims = [...new Set(all.map((one) => one.workerId))].map((id): Claim => {
    const mine = all.filter((one) => one.workerId === id);
    const even = (total * mine.length) / all.length;
    const seen = mine.map((one) => one.seen).filter((one) => one !== null);
    const hungry = seen.length < mine.length;
    const together = {
      bytesPerSecond: seen.reduce((sum, one) => sum + one.bytesPerSecond, 0),
      limited: Math.max(0, ...seen.map(({ limited }) => limited)),
    };
    return { id, weight: mine.length, demand: hungry ? null : demandOf(together, even) };
  });
  const share = shareOut(total, claims).get(workerId) ?? total;
  return Math.max(total / steps, (Math.floor((share * steps) / total) * total) / steps);
}
