/**
 * Secrets at rest (DESIGN.md 6.5): sealed here, opened only for the answer that hands them to a worker. Whoever seals does
 * so in a transaction that holds the installation's row in share; changing the key locks that row, so that nothing is
 * sealed with a key that is on its way out.
 */
import { randomBytes } from 'node:crypto';
import { WherryError } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import type { Secrets } from '../model/provider.ts';
import type { Db, Tx } from './db.ts';
import { readKeys, writeKeys } from './key-file.ts';
import { type Key, keyBytes, keyIdOf, seal, unseal } from './sealed.ts';

export type Vault = {
  /** @param about what it belongs to: the same words open it. @throws secrets.key_missing */
  seal(tx: Tx, about: readonly string[], plain: string): Promise<string>;
  /** @throws secrets.key_missing, secrets.damaged */
  open(about: readonly string[], sealed: string): Promise<string>;
  /**
   * A new key, everything sealed anew with it in one transaction. Killed before the commit, the old key counts; after it the
   * new one; both are in the file all the while. @throws secrets.key_missing unless `forgetLost`
   */
  rotate(forgetLost: boolean): Promise<{ keyId: string; sealed: number; forgotten: number }>;
};

/** What a provider's secret belongs to. */
export const providerSecret = (providerId: string, name: string): readonly string[] => ['provider', providerId, name];
/** What the query of a source's address belongs to. */
export const sourceQuery = (targetCopyId: string): readonly string[] => ['source', targetCopyId];
/** What the secrets that travel with a question belong to, all in one JSON text. */
export const callSecrets = (callId: string): readonly string[] => ['call', callId];

/**
 * @param path the key file. It is made when the installation has none and nothing is sealed yet.
 * @param reached for tests of what a kill leaves: called when a new key is in the file, and when it counts
 * @throws secrets.key_file
 */
export async function openVault(
  db: Db,
  path: string,
  reached: (point: 'written' | 'committed') => Promise<void> = async () => undefined,
): Promise<Vault> {
  const keys = new Map<string, Key>();
  const reload = async (): Promise<void> => {
    for (const key of await readKeys(path)) keys.set(key.id, key);
  };
  const keyNamed = async (id: string): Promise<Key> => {
    // Another process may have changed it since: look again before saying that it is lost.
    if (!keys.has(id)) await reload();
    const key = keys.get(id);
    if (key === undefined) throw new WherryError('secrets.key_missing', { path, key: id });
    return key;
  };
  const open = async (about: readonly string[], sealed: string): Promise<string> => {
    const id = keyIdOf(sealed);
    if (id === null) throw new WherryError('secrets.damaged', {});
    const key = await keyNamed(id);
    try {
      return unseal(key, about, sealed);
    } catch (error) {
      throw new WherryError('secrets.damaged', {}, error);
    }
  };
  await reload();
  await makeFirstKey(db, path, keys);
  await dropOldKeys(db, path);
  return {
    seal: async (tx, about, plain) => seal(await keyNamed(await currentKeyId(tx, 'share')), about, plain),
    open,
    rotate: async (forgetLost) => {
      const fresh: Key = { id: newId(), bytes: randomBytes(keyBytes) };
      const done = await db.transaction(async (tx) => {
        await currentKeyId(tx, 'update');
        const kept = await readKeys(path);
        for (const key of kept) keys.set(key.id, key);
        await writeKeys(path, [...kept, fresh]);
        keys.set(fresh.id, fresh);
        await reached('written');
        const counts = await sealAnew(tx, { open, fresh, forgetLost });
        await tx.updateTable('installation').set({ key_id: fresh.id }).execute();
        return counts;
      });
      await reached('committed');
      await dropOldKeys(db, path);
      return { keyId: fresh.id, ...done };
    },
  };
}

async function currentKeyId(tx: Tx, lock: 'share' | 'update'): Promise<string> {
  const query = tx.selectFrom('installation').select('key_id');
  const row = await (lock === 'share' ? query.forShare() : query.forUpdate()).executeTakeFirstOrThrow();
  return row.key_id;
}

/** The key that the installation's row names is made once, before anything was sealed. */
async function makeFirstKey(db: Db, path: string, keys: Map<string, Key>): Promise<void> {
  await db.transaction(async (tx) => {
    const id = await currentKeyId(tx, 'update'); // of two servers that start at once one makes it
    for (const key of await readKeys(path)) keys.set(key.id, key);
    if (keys.has(id)) return;
    const used = await tx.selectFrom('provider_secret').select('name').limit(1).executeTakeFirst();
    const query = await tx.selectFrom('source_query').select('sealed').limit(1).executeTakeFirst();
    if (used !== undefined || query !== undefined) return; // the key is lost, or on another machine: said where it is needed
    const key: Key = { id, bytes: randomBytes(keyBytes) };
    await writeKeys(path, [key]);
    keys.set(id, key);
  });
}

/** Nothing is sealed with a key that does not count: all of it is sealed anew in the transaction that changes the key. */
async function dropOldKeys(db: Db, path: string): Promise<void> {
  await db.transaction(async (tx) => {
    const id = await currentKeyId(tx, 'update');
    const keys = await readKeys(path);
    const kept = keys.filter((key) => key.id === id);
    if (kept.length > 0 && kept.length < keys.length) await writeKeys(path, kept);
  });
}

type Anew = { readonly open: Vault['open']; readonly fresh: Key; readonly forgetLost: boolean };

async function sealAnew(tx: Tx, { open, fresh, forgetLost }: Anew): Promise<{ sealed: number; forgotten: number }> {
  let sealed = 0;
  let forgotten = 0;
  const again = async (about: readonly string[], old: string): Promise<string | null> => {
    try {
      const text = seal(fresh, about, await open(about, old));
      sealed += 1;
      return text;
    } catch (error) {
      if (!forgetLost) throw error;
      forgotten += 1;
      return null;
    }
  };
  for (const row of await tx.selectFrom('provider_secret').selectAll().forUpdate().execute()) {
    const text = await again(providerSecret(row.provider_id, row.name), row.sealed);
    const one = { provider_id: row.provider_id, name: row.name };
    if (text === null) {
      await tx
        .deleteFrom('provider_secret')
        .where('provider_id', '=', one.provider_id)
        .where('name', '=', one.name)
        .execute();
    } else {
      await tx
        .updateTable('provider_secret')
        .set({ sealed: text })
        .where('provider_id', '=', one.provider_id)
        .where('name', '=', one.name)
        .execute();
    }
  }
  for (const { target_copy_id: id, sealed: old } of await tx
    .selectFrom('source_query')
    .selectAll()
    .forUpdate()
    .execute()) {
    const text = await again(sourceQuery(id), old);
    if (text === null) await tx.deleteFrom('source_query').where('target_copy_id', '=', id).execute();
    else await tx.updateTable('source_query').set({ sealed: text }).where('target_copy_id', '=', id).execute();
  }
  const calls = await tx
    .selectFrom('worker_call')
    .select(['id', 'sealed_secrets'])
    .where('sealed_secrets', 'is not', null)
    .forUpdate()
    .execute();
  for (const { id, sealed_secrets: old } of calls) {
    const text = old === null ? null : await again(callSecrets(id), old);
    await tx.updateTable('worker_call').set({ sealed_secrets: text }).where('id', '=', id).execute();
  }
  return { sealed, forgotten };
}

/** The installation's row is held meanwhile, so that the key does not change between reading and opening. */
export async function openProviderSecrets(tx: Tx, vault: Vault, providerId: string): Promise<Secrets> {
  await tx.selectFrom('installation').select('key_id').forShare().execute();
  const rows = await tx
    .selectFrom('provider_secret')
    .select(['name', 'sealed'])
    .where('provider_id', '=', providerId)
    .execute();
  const secrets: Record<string, string> = {};
  for (const { name, sealed } of rows) secrets[name] = await vault.open(providerSecret(providerId, name), sealed);
  return secrets;
}
