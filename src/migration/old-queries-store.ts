/**
 * Addresses that an older version kept with their query, which everybody saw: what stands after their question mark is sealed
 * at a server's start, as that of new ones is when it comes. Where nothing is left to do it is one look at each table.
 */
import { sql } from 'kysely';
import { type Db, json, type Tx } from '../db/db.ts';
import { providerSecret, type Vault } from '../db/vault-store.ts';
import { withoutQuery } from '../model/web-address.ts';
import { sealSourceQuery } from './source-query-store.ts';

/** A query that is not hidden yet, of what may be an address. */
const openQuery = '^https?://[^?#]*[?](?!…$|%[eE]2%80%[aA]6$).';

/** @throws secrets.key_missing: then all stays as it is */
export async function sealOldQueries(db: Db, vault: Vault): Promise<void> {
  await db.transaction(async (tx) => {
    await sealOfSources(tx, vault);
    await sealOfProviders(tx, vault);
  });
}

async function sealOfSources(tx: Tx, vault: Vault): Promise<void> {
  const rows = await tx
    .selectFrom('vm_migration')
    .select(['id', 'target_copy_id', 'spec'])
    .where(sql<boolean>`spec->'source'->>'url' ~ ${openQuery}`)
    .orderBy('id')
    .forUpdate()
    .execute();
  for (const { id, target_copy_id: targetCopyId, spec } of rows) {
    if (spec.source.type !== 'web') continue;
    const { shown, query } = withoutQuery(spec.source.url);
    const source = { ...spec.source, url: shown };
    await tx
      .updateTable('vm_migration')
      .set({ spec: json({ ...spec, source }) })
      .where('id', '=', id)
      .execute();
    await tx
      .updateTable('target_copy')
      .set({ source_identity: JSON.stringify([source, spec.vm]) })
      .where('id', '=', targetCopyId)
      .execute();
    // Others of the same target copy have the same; what is migrated needs none, and is forgotten in a moment.
    const kept = tx.selectFrom('source_query').select('sealed').where('target_copy_id', '=', targetCopyId);
    if (query !== null && (await kept.executeTakeFirst()) === undefined)
      await sealSourceQuery(tx, vault, targetCopyId, query);
  }
}

async function sealOfProviders(tx: Tx, vault: Vault): Promise<void> {
  const rows = await tx
    .selectFrom('provider')
    .select(['id', 'account', 'removed_at'])
    .where('type', '=', 'ova')
    .where(sql<boolean>`account->>'location' ~ ${openQuery}`)
    .orderBy('id')
    .forUpdate()
    .execute();
  for (const { id, account, removed_at: removedAt } of rows) {
    if (account.type !== 'ova') continue;
    const { shown, query } = withoutQuery(account.location);
    await tx
      .updateTable('provider')
      .set({ account: json({ ...account, location: shown }) })
      .where('id', '=', id)
      .execute();
    if (query === null || removedAt !== null) continue; // of one that was removed nothing is kept
    const sealed = await vault.seal(tx, providerSecret(id, 'query'), query);
    await tx
      .insertInto('provider_secret')
      .values({ provider_id: id, name: 'query', sealed })
      .onConflict((conflict) => conflict.columns(['provider_id', 'name']).doNothing())
      .execute();
  }
}
