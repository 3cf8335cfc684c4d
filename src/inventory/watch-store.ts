/** Who watches which provider, and how it goes. */
import { sql } from 'kysely';
import type { Db, Tx } from '../db/db.ts';
import { json } from '../db/db.ts';
import { recordEvent } from '../db/event-store.ts';
import { openProviderSecrets, type Vault } from '../db/vault-store.ts';
import { wakeCommands } from '../migration/news-store.ts';
import { catalogue, type ErrorEntry, type StoredError, toStored, WherryError } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import { assign, type WorkerFacts } from './assign.ts';
import type { WatchAnswer, Watching, WatchRequest } from './protocol.ts';

const assignLock = 7_117_011;
/** Much more than a watch ever sends: each new beginning numbers its batches from a place that no earlier one reaches. */
export const sequencesPerBeginning = 2 ** 28;

/** Gives every provider its worker. Returns those whose state changed by it. */
export async function assignWatches(db: Db, moveAfterMs: number): Promise<string[]> {
  return db.transaction(async (tx) => {
    await sql`select pg_advisory_xact_lock(${assignLock})`.execute(tx);
    const providers = await tx
      .selectFrom('provider')
      .select(['id', 'name', 'via', 'watch_worker', 'state', 'error', 'unable_workers'])
      .where('removed_at', 'is', null)
      .where('state', '!=', 'stopped')
      .orderBy('id')
      .execute();
    if (providers.length === 0) return [];
    const workers = new Map((await readWorkers(tx)).map((worker) => [worker.id, worker]));
    const changed: string[] = [];
    for (const provider of providers) {
      const { id, name, via, watch_worker: current, unable_workers: unable } = provider;
      const found = assign({ via, current, unable }, [...workers.values()], moveAfterMs);
      if (found.kind === 'keep') continue;
      if (found.kind === 'nobody' && unable.length > 0 && isAboutWorker(provider.error)) {
        await tx.updateTable('provider').set({ state: 'stopped' }).where('id', '=', id).execute();
        await tellOfTrouble(tx, { id, name, error: null }, 'stopped', provider.error);
      } else if (found.kind === 'nobody') {
        if (current === null && provider.error?.code === 'provider.no_worker') continue;
        await leaveUnwatched(tx, id, name, found.worker);
      } else {
        await tx
          .updateTable('provider')
          .set({ watch_worker: found.workerId, watch_token: newId(), state: 'new', error: null, retry_at: null })
          .where('id', '=', id)
          .execute();
        const worker = workers.get(found.workerId);
        if (worker !== undefined) workers.set(worker.id, { ...worker, load: worker.load + 1 });
        await wakeCommands(tx, found.workerId);
      }
      if (current !== null) await wakeCommands(tx, current);
      changed.push(id);
    }
    return changed;
  });
}

async function readWorkers(tx: Tx): Promise<WorkerFacts[]> {
  const { rows } = await sql<WorkerFacts>`
    select w.id, w.name, w.alive_until > clock_timestamp() as alive, w.last_seen_at as "lastSeenAt",
      extract(epoch from clock_timestamp() - w.last_seen_at)::float8 * 1000 as "silentMs",
      ((select count(*) from vm_migration v where v.worker_id = w.id and v.state = 'running')
        + (select count(*) from provider p where p.watch_worker = w.id and p.removed_at is null))::int as load
    from worker w`.execute(tx);
  return rows;
}

async function leaveUnwatched(tx: Tx, id: string, provider: string, worker: WorkerFacts | null): Promise<void> {
  const about = worker === null ? {} : { worker: worker.name, since: worker.lastSeenAt.toISOString() };
  const error = toStored(new WherryError('provider.no_worker', { provider, ...about }));
  await tx
    .updateTable('provider')
    .set({ watch_worker: null, watch_token: newId(), state: 'retrying', error: json(error), retry_at: null })
    .where('id', '=', id)
    .execute();
  const params = { provider, providerId: id, ...about };
  await recordEvent(tx, { actor: 'server', code: 'provider.no_worker', params, severity: 'warning' });
}

/** As `openWatch`; where its secrets cannot be opened it is stopped, and says so. */
export async function beginWatch(db: Db, vault: Vault, request: WatchRequest): ReturnType<typeof openWatch> {
  try {
    return await openWatch(db, vault, request);
  } catch (error) {
    if (!(error instanceof WherryError) || !error.code.startsWith('secrets.')) throw error;
    const stored = toStored(error);
    const { code, params } = stored;
    const said = { code, params, causes: [...stored.causes] };
    await takeWatching(db, { token: request.token, state: 'stopped', error: said, retryInMs: null });
    throw new WherryError('provider.stale_watch', {}, error);
  }
}

/** A new beginning of a watch. What an earlier one under the same token still sends is void. @throws provider.stale_watch */
async function openWatch(
  db: Db,
  vault: Vault,
  { token, workerId }: WatchRequest,
): Promise<{ providerId: string; answer: WatchAnswer }> {
  return db.transaction(async (tx) => {
    const row = await tx
      .updateTable('provider')
      .set({
        state: 'connecting',
        retry_at: null,
        watch_sequence: sql<number>`(watch_sequence / ${sequencesPerBeginning}::bigint + 1) * ${sequencesPerBeginning}::bigint`,
      })
      .where('watch_token', '=', token)
      .where('watch_worker', '=', workerId)
      .where('removed_at', 'is', null)
      .where('state', '!=', 'stopped')
      .returning(['id', 'account', 'watch_sequence'])
      .executeTakeFirst();
    if (row === undefined) throw new WherryError('provider.stale_watch', {});
    const secrets = await openProviderSecrets(tx, vault, row.id);
    return {
      providerId: row.id,
      answer: { account: row.account, secrets: { ...secrets }, sequence: row.watch_sequence },
    };
  });
}

/** What a worker says of a watch that does not follow. @throws provider.stale_watch */
export async function takeWatching(db: Db, { token, state, error, retryInMs }: Watching): Promise<string> {
  return db.transaction(async (tx) => {
    const before = await tx
      .selectFrom('provider')
      .select(['id', 'name', 'state', 'error', 'via', 'watch_worker'])
      .where('watch_token', '=', token)
      .where('removed_at', 'is', null)
      .forUpdate()
      .executeTakeFirst();
    if (before === undefined) throw new WherryError('provider.stale_watch', {});
    if (before.state === 'stopped') return before.id;
    if (state === 'stopped' && before.via === null && before.watch_worker !== null && isAboutWorker(error)) {
      await moveOn(tx, before.id, before.watch_worker, error);
      return before.id;
    }
    const retryAt =
      retryInMs === null ? null : sql<Date>`clock_timestamp() + ${retryInMs}::float8 * interval '1 millisecond'`;
    await tx
      .updateTable('provider')
      .set({ state, error: error === null ? null : json(error), retry_at: retryAt })
      .where('id', '=', before.id)
      .execute();
    await tellOfTrouble(tx, before, state, error);
    return before.id;
  });
}

/** Nothing is wrong with the provider: this worker lacks something that another may have. */
function isAboutWorker(error: StoredError | null): error is StoredError {
  const entry: ErrorEntry | undefined = error === null ? undefined : catalogue[error.code];
  return entry?.elsewhere === true;
}

/** Another worker gets its turn, until none is left. The error is kept for when that comes. */
async function moveOn(tx: Tx, id: string, worker: string, error: StoredError): Promise<void> {
  await tx
    .updateTable('provider')
    .set({
      watch_worker: null,
      watch_token: newId(),
      state: 'new',
      error: json(error),
      retry_at: null,
      unable_workers: sql<string[]>`array_append(unable_workers, ${worker}::uuid)`,
    })
    .where('id', '=', id)
    .execute();
  await wakeCommands(tx, worker);
}

/** Said when it stops, and when trouble begins; not at each try. */
async function tellOfTrouble(
  tx: Tx,
  before: { readonly id: string; readonly name: string; readonly error: StoredError | null },
  state: Watching['state'],
  error: StoredError | null,
): Promise<void> {
  if (state === 'retrying' && (error === null || before.error?.code === error.code)) return;
  const params = { ...error?.params, provider: before.name, providerId: before.id, error: error?.code ?? '' };
  const code = state === 'stopped' ? 'provider.stopped' : 'provider.retrying';
  await recordEvent(tx, { actor: 'server', code, params, severity: state === 'stopped' ? 'error' : 'warning' });
}

/**
 * Somebody else than its watch was refused with its password: it is not tried again before somebody has changed something,
 * whoever asks. A provider whose account was changed since is left alone: its `token` is another one.
 */
export async function stopRefused(db: Db, token: string, error: StoredError): Promise<void> {
  const { code, params, causes } = error;
  await takeWatching(db, {
    token,
    state: 'stopped',
    error: { code, params: { ...params }, causes: [...causes] },
    retryInMs: null,
  });
}
