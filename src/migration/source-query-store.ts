/**
 * The query of a source's address on a web server: it may be a signature, so it is sealed, apart from the spec that everybody
 * sees, and joined with the rest for the worker that opens the source.
 */
import { sql } from 'kysely';
import type { Db, Tx } from '../db/db.ts';
import { sourceQuery, type Vault } from '../db/vault-store.ts';
import { WherryError } from '../model/errors.ts';
import type { SourceSpec } from '../model/spec.ts';
import { hiddenQuery, hidesQuery, withoutQuery } from '../model/web-address.ts';

/**
 * The source as it is kept and shown, and the query that its address had.
 * @throws provider.setting_wrong where `?…` stands for one that nobody has
 */
export function sourceApart(source: SourceSpec): { readonly source: SourceSpec; readonly query: string | null } {
  if (source.type !== 'web') return { source, query: null };
  const { shown, query } = withoutQuery(source.url);
  if (query === null && hidesQuery(shown) && source.provider === undefined) {
    const why = `${hiddenQuery} stands for what is kept and not shown, and nothing is: give the whole address`;
    throw new WherryError('provider.setting_wrong', { setting: 'source', why });
  }
  return { source: { ...source, url: shown }, query };
}

export async function sealSourceQuery(tx: Tx, vault: Vault, targetCopyId: string, query: string): Promise<void> {
  const sealed = await vault.seal(tx, sourceQuery(targetCopyId), query);
  await tx.insertInto('source_query').values({ target_copy_id: targetCopyId, sealed }).execute();
}

/** Null where its address had none. @throws secrets.… */
export async function openSourceQuery(db: Db, vault: Vault, targetCopyId: string): Promise<string | null> {
  return db.transaction(async (tx) => {
    await tx.selectFrom('installation').select('key_id').forShare().execute();
    const row = await tx
      .selectFrom('source_query')
      .select('sealed')
      .where('target_copy_id', '=', targetCopyId)
      .executeTakeFirst();
    return row === undefined ? null : vault.open(sourceQuery(targetCopyId), row.sealed);
  });
}

/**
 * What is migrated is never read again, nor what failed past the point of no return: it can only be finished. All else that has
 * ended can be migrated again, from the same address (retry-store.ts).
 */
export async function forgetSourceQueries(db: Db): Promise<void> {
  await sql`delete from source_query q where exists (
    select from vm_migration v where v.target_copy_id = q.target_copy_id and (v.state = 'completed' or
      v.state in ('failed', 'canceled') and exists (
        select from step s where s.vm_migration_id = v.id and s.name = v.itinerary->>'pointOfNoReturn' and s.attempts > 0)))`.execute(
    db.kysely,
  );
}
