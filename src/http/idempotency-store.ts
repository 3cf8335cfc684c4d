/** Answers to POSTs, kept for 24 hours. A row without a status is a request that is being worked on. */
import { sql } from 'kysely';
import { type Executor, json } from '../db/db.ts';

export type KeyedRequest = { readonly actor: string; readonly key: string; readonly hash: Buffer };
export type KeptAnswer = { readonly status: number | null; readonly response: unknown; readonly sameRequest: boolean };

/** A server that was killed leaves its row without an answer; after this long somebody else may try. */
const abandonedSeconds = 120;

/** True: it is ours to do. False: somebody does it, or did (`keptAnswer`). */
export async function claimRequest(db: Executor, { actor, key, hash }: KeyedRequest): Promise<boolean> {
  const { rows } = await sql`
    insert into idempotency_key as k (actor, key, request_hash) values (${actor}, ${key}, ${hash})
    on conflict (actor, key) do update set request_hash = excluded.request_hash, status = null, response = null, created_at = now()
      where k.created_at < now() - interval '24 hours'
         or (k.status is null and k.request_hash = excluded.request_hash
             and k.created_at < now() - make_interval(secs => ${abandonedSeconds}))
    returning 1`.execute(db);
  return rows.length === 1;
}

export async function keptAnswer(db: Executor, { actor, key, hash }: KeyedRequest): Promise<KeptAnswer | null> {
  const row = await db
    .selectFrom('idempotency_key')
    .select(['status', 'response', 'request_hash'])
    .where('actor', '=', actor)
    .where('key', '=', key)
    .executeTakeFirst();
  if (row === undefined) return null;
  return { status: row.status, response: row.response, sameRequest: row.request_hash.equals(hash) };
}

/** Within the transaction that does what was asked, so that both are there or neither. */
export async function keepAnswer(
  db: Executor,
  { actor, key }: Pick<KeyedRequest, 'actor' | 'key'>,
  status: number,
  response: unknown,
): Promise<void> {
  await db
    .updateTable('idempotency_key')
    .set({ status, response: json(response) })
    .where('actor', '=', actor)
    .where('key', '=', key)
    .where('status', 'is', null)
    .execute();
}

/** It failed in a way that trying again may mend. */
export async function forgetRequest(db: Executor, { actor, key }: KeyedRequest): Promise<void> {
  await db
    .deleteFrom('idempotency_key')
    .where('actor', '=', actor)
    .where('key', '=', key)
    .where('status', 'is', null)
    .execute();
}

export async function forgetOldRequests(db: Executor): Promise<void> {
  await sql`delete from idempotency_key where created_at < now() - interval '24 hours'`.execute(db);
}
