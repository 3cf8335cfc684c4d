/** Lists of words (inventory_set) that no VM has any more: each costs every search time, and only this takes them away. */
import { sql } from 'kysely';
import type { Db } from '../db/db.ts';

const kinds = ['traits', 'concerns', 'tags', 'networks', 'storages'] as const;

/**
 * Who writes a VM counts on the lists that it found: so the table is locked against writers, who hold it to the end of
 * their transactions, before anything is looked for. Waits at most 5 s for them.
 * @returns how many were taken away
 */
export async function sweepSets(db: Db): Promise<number> {
  return db.transaction(async (tx) => {
    await sql`set local lock_timeout = '5s'`.execute(tx);
    await sql`lock table inventory_set in share row exclusive mode`.execute(tx);
    let swept = 0;
    for (const kind of kinds) {
      const { numAffectedRows } = await sql`
        delete from inventory_set s where s.kind = ${sql.lit(kind)}
          and s.id not in (select v.${sql.ref(kind)} from inventory_search v)`.execute(tx);
      swept += Number(numAffectedRows ?? 0);
    }
    return swept;
  });
}
