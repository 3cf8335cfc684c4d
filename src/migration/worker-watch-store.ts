/** A worker that dies says nothing: whoever looks at the workers is told all the same, within a tick. */
import { sql } from 'kysely';
import type { Db } from '../db/db.ts';
import { announceWorker } from './news-store.ts';

/** When a worker said its last word; null when it never did. */
export async function lastHeard(db: Db, workerId: string): Promise<string | null> {
  const row = await db.kysely.selectFrom('worker').select('last_seen_at').where('id', '=', workerId).executeTakeFirst();
  return row?.last_seen_at.toISOString() ?? null;
}

/** Returns what each tick calls: it tells of every worker that has died, or come back, since the call before. */
export function watchWorkers(db: Db): () => Promise<void> {
  let known: ReadonlyMap<string, boolean> | undefined;
  return async () => {
    const rows = await db.kysely
      .selectFrom('worker')
      .select(['id', sql<boolean>`alive_until > clock_timestamp()`.as('alive')])
      .execute();
    const before = known;
    // A new one has said hello, and that was told.
    const changed = rows.filter(({ id, alive }) => before?.has(id) === true && before.get(id) !== alive);
    if (changed.length > 0) {
      await db.transaction(async (tx) => {
        for (const { id } of changed) await announceWorker(tx, id);
      });
    }
    known = new Map(rows.map(({ id, alive }) => [id, alive]));
  };
}
