/** The one row that says which installation this database belongs to. */
import { newId } from '../model/ids.ts';
import type { Db } from './db.ts';

/** Makes it at the first start. The key it names encrypts secrets, from the first provider account on. */
export async function ensureInstallation(db: Db): Promise<{ readonly id: string; readonly keyId: string }> {
  await db.kysely
    .insertInto('installation')
    .values({ id: newId(), key_id: newId() })
    .onConflict((conflict) => conflict.column('singleton').doNothing())
    .execute();
  return db.kysely.selectFrom('installation').select(['id', 'key_id as keyId']).executeTakeFirstOrThrow();
}
