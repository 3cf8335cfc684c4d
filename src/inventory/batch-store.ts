/** News of a watch, as it comes: each batch is one transaction, taken once, in order. */
import { sql } from 'kysely';
import type { Static } from 'typebox';
import type { RuleSet } from '../concerns/rules.ts';
import { type Db, sqlState, type Tx } from '../db/db.ts';
import { recordEvent } from '../db/event-store.ts';
import { WherryError } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import type { ProviderType } from '../model/provider.ts';
import { type Place, putObjects, putUnreadable, takeGone, takeUnnamed } from './object-store.ts';
import type { InventoryBatch, InventoryNewsSchema } from './protocol.ts';
import { sequencesPerBeginning } from './watch-store.ts';

type News = Static<typeof InventoryNewsSchema>;
type Watched = {
  readonly id: string;
  readonly name: string;
  readonly type: ProviderType;
  readonly state: string;
  readonly system_id: string | null;
  readonly snapshot_token: string | null;
  readonly snapshot_started_at: Date | null;
  readonly watch_sequence: number;
  readonly synced_at: Date | null;
};

/** Of a first read: some hundred objects are there by then. */
const measuredBatch = 2;

/**
 * @returns the provider that it is about
 * @throws provider.stale_watch, provider.same_system, provider.batch_refused
 */
export async function takeBatch(db: Db, batch: InventoryBatch, rules: RuleSet): Promise<string> {
  let provider = '';
  try {
    return await db.transaction(async (tx) => {
      const watched = await lockWatched(tx, batch.token);
      provider = watched.name;
      if (batch.sequence < watched.watch_sequence) return watched.id;
      if (batch.sequence > watched.watch_sequence) throw new WherryError('provider.stale_watch', {});
      let now = watched;
      if (!batch.news.some(({ kind }) => kind === 'snapshot' || kind === 'synced')) await relax(tx);
      for (const news of batch.news) now = await take(tx, rules, now, news, batch.news);
      if (now.state === 'reading' && now.synced_at === null && batch.sequence % sequencesPerBeginning === measuredBatch)
        await measure(tx);
      await tx
        .updateTable('provider')
        .set({ watch_sequence: watched.watch_sequence + 1, news_at: sql`clock_timestamp()` })
        .where('id', '=', watched.id)
        .execute();
      return watched.id;
    });
  } catch (error) {
    // What cannot be stored now cannot be stored later: the worker must not send it again and again.
    if (!/^(21|22|23|54)/.test(sqlState(error) ?? '')) throw error;
    const why = error instanceof Error ? error.message : '';
    throw new WherryError('provider.batch_refused', { provider, why }, error);
  }
}

/**
 * What was read can be read again: the batch need not be on the disk when it is answered, because a database that crashes
 * forgets its number as well, and the worker is then told to begin anew. With a `synced` all before it is on the disk.
 */
async function relax(tx: Tx): Promise<void> {
  await sql`set local synchronous_commit = off`.execute(tx);
}

/**
 * PostgreSQL would take statistics a minute later. Until it has some, it looks for what is known of a batch among all objects
 * of the system instead of by their index, with each batch.
 */
async function measure(tx: Tx): Promise<void> {
  await sql`analyze inventory_object (system_id, kind, identity, ref, parent_ref, gone_at)`.execute(tx);
}

async function lockWatched(tx: Tx, token: string): Promise<Watched> {
  const watched = await tx
    .selectFrom('provider')
    .select([
      'id',
      'name',
      'type',
      'state',
      'system_id',
      'snapshot_token',
      'snapshot_started_at',
      'watch_sequence',
      'synced_at',
    ])
    .where('watch_token', '=', token)
    .where('removed_at', 'is', null)
    .where('state', '!=', 'stopped')
    .forUpdate()
    .executeTakeFirst();
  if (watched === undefined) throw new WherryError('provider.stale_watch', {});
  return watched;
}

async function take(tx: Tx, rules: RuleSet, watched: Watched, news: News, batch: readonly News[]): Promise<Watched> {
  if (news.kind === 'snapshot') return beginRead(tx, watched, news);
  const { system_id: systemId, type, snapshot_token: snapshotToken, state } = watched;
  if (systemId === null) throw new WherryError('provider.stale_watch', {});
  const place: Place = { systemId, type, snapshotToken, reading: state === 'reading', rules };
  switch (news.kind) {
    case 'put': {
      const leaving = batch.flatMap((one) => (one.kind === 'gone' ? one.objects : []));
      await putObjects(tx, place, news.objects, leaving);
      return watched;
    }
    case 'gone':
      await takeGone(tx, place, news.objects);
      return watched;
    case 'unreadable':
      await putUnreadable(tx, place, news.objects);
      return watched;
    case 'synced':
      await takeUnnamed(tx, place, watched.snapshot_started_at ?? new Date(0));
      await tx
        .updateTable('provider')
        .set({ state: 'following', synced_at: sql`clock_timestamp()` })
        .where('id', '=', watched.id)
        .execute();
      return { ...watched, state: 'following' };
    default:
      return news satisfies never;
  }
}

/** All is read anew: of the system that the provider was, or of another one (its address was changed). */
async function beginRead(tx: Tx, watched: Watched, news: Extract<News, { kind: 'snapshot' }>): Promise<Watched> {
  const systemId = await systemOf(tx, watched.type, news.systemId);
  const other = await tx
    .selectFrom('provider')
    .select('name')
    .where('system_id', '=', systemId)
    .where('removed_at', 'is', null)
    .where('id', '!=', watched.id)
    .executeTakeFirst();
  if (other !== undefined) {
    const params = { provider: watched.name, other: other.name, system: news.product };
    throw new WherryError('provider.same_system', params);
  }
  if (watched.system_id !== null && watched.system_id !== systemId) await leaveSystem(tx, watched.system_id);
  const row = await tx
    .updateTable('provider')
    .set({
      system_id: systemId,
      product: news.product.slice(0, 1_000),
      version: news.version.slice(0, 1_000),
      state: 'reading',
      error: null,
      retry_at: null,
      snapshot_token: newId(),
      snapshot_started_at: sql`clock_timestamp()`,
    })
    .where('id', '=', watched.id)
    .returning(['state', 'system_id', 'snapshot_token', 'snapshot_started_at'])
    .executeTakeFirstOrThrow();
  if (watched.system_id !== systemId) {
    const params = { provider: watched.name, providerId: watched.id, product: news.product };
    await recordEvent(tx, { actor: 'server', code: 'provider.connected', params, severity: 'information' });
  }
  return { ...watched, ...row };
}

/** The row is locked: of two providers that find out at once that they are one system, one waits and sees it. */
async function systemOf(tx: Tx, type: ProviderType, stableId: string): Promise<string> {
  await tx
    .insertInto('source_system')
    .values({ id: newId(), type, stable_id: stableId })
    .onConflict((conflict) => conflict.columns(['type', 'stable_id']).doNothing())
    .execute();
  const row = await tx
    .selectFrom('source_system')
    .select('id')
    .where('type', '=', type)
    .where('stable_id', '=', stableId)
    .forUpdate()
    .executeTakeFirstOrThrow();
  return row.id;
}

/** No provider shows this system any more: searches do not find its VMs, the objects stay for whoever refers to them. */
export async function leaveSystem(tx: Tx, systemId: string): Promise<void> {
  await tx.deleteFrom('inventory_vm').where('system_id', '=', systemId).execute();
}
