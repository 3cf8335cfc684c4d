/** Providers: made, changed, removed. What each of these does to its watch is done in the same transaction. */
import { sql } from 'kysely';
import { type Db, json, sqlState, type Tx } from '../db/db.ts';
import { recordEvent } from '../db/event-store.ts';
import { openProviderSecrets, providerSecret, type Vault } from '../db/vault-store.ts';
import { wakeCommands } from '../migration/news-store.ts';
import { type StoredError, WherryError } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import type { ProviderAccount, Secrets } from '../model/provider.ts';
import {
  checkAccount,
  checkQuery,
  checkSecretNames,
  isElsewhere,
  newAccount,
  trusting,
  withQueryApart,
} from './account.ts';
import type { CreateProvider, EditProvider, ProviderCheck } from './api.ts';
import { leaveSystem } from './batch-store.ts';

/** Who does it: what events show. */
export type By = string;

/**
 * @param check what a check has found just now, kept with it
 * @param after called in the transaction with the new id
 * @throws provider.name_taken, provider.secret_unknown, provider.setting_wrong, request.not_found (via)
 */
export async function createProvider(
  db: Db,
  vault: Vault,
  given: CreateProvider,
  { by, check, after }: { by: By; check: ProviderCheck | null; after: (tx: Tx, id: string) => Promise<void> },
): Promise<string> {
  const { name, via = null } = given;
  const { account, secrets } = newAccount(given.account, given.secrets ?? {});
  checkAccount(account);
  checkSecretNames(account, Object.keys(secrets));
  const id = newId();
  await named(name, () =>
    db.transaction(async (tx) => {
      await checkWorker(tx, via);
      await tx
        .insertInto('provider')
        .values({
          id,
          name,
          type: account.type,
          account: json(account),
          via,
          watch_token: newId(),
          watch_worker: null,
          error: null,
          last_check: check === null ? null : json(check),
          ...(check === null
            ? {}
            : { last_check_at: sql<Date>`now()`, product: check.product, version: check.version }),
          system_id: null,
          snapshot_token: null,
          created_by: by,
        })
        .execute();
      await sealSecrets(tx, vault, id, secrets);
      await say(tx, by, 'provider.created', { id, name });
      await after(tx, id);
    }),
  );
  return id;
}

/** @throws provider.not_found, provider.name_taken, provider.secret_unknown, provider.secret_again, provider.setting_wrong */
export async function editProvider(db: Db, vault: Vault, id: string, edit: EditProvider, by: By): Promise<void> {
  await named(edit.name ?? '', () =>
    db.transaction(async (tx) => {
      const before = await lockProvider(tx, id);
      const { account, secrets } = withQueryApart(edit.account ?? before.account, edit.secrets ?? {});
      if (account.type !== before.type) {
        const why = `it stays ${before.type}; make another provider for a ${account.type}`;
        throw new WherryError('provider.setting_wrong', { setting: 'type', why });
      }
      checkAccount(account);
      checkSecretNames(account, Object.keys(secrets));
      if (isElsewhere(before.account, account)) await checkGivenAgain(tx, before, secrets);
      if (account.type === 'ova' && !('query' in secrets) && !(await hasSecret(tx, id, 'query')))
        checkQuery(account.location);
      const via = edit.via === undefined ? before.via : edit.via;
      await checkWorker(tx, via);
      await tx
        .updateTable('provider')
        .set({ name: edit.name ?? before.name, account: json(account), via, changed_at: sql<Date>`now()` })
        .where('id', '=', id)
        .execute();
      const kept: Record<string, string> = {};
      for (const [name, value] of Object.entries(secrets)) {
        if (value !== null) kept[name] = value;
        else await tx.deleteFrom('provider_secret').where('provider_id', '=', id).where('name', '=', name).execute();
      }
      await sealSecrets(tx, vault, id, kept);
      await say(tx, by, 'provider.edited', { id, name: edit.name ?? before.name });
      // A new name changes nothing there: neither is all read again for it, nor a password tried that was refused.
      const isNew = edit.account !== undefined || Object.keys(edit.secrets ?? {}).length > 0 || via !== before.via;
      if (isNew) await watchAnew(tx, id);
    }),
  );
}

/** The certificate or host key that was seen is the one from now on. @throws provider.not_found, provider.setting_wrong */
export async function trustProvider(db: Db, id: string, fingerprint: string, by: By): Promise<void> {
  await db.transaction(async (tx) => {
    const { account, name } = await lockProvider(tx, id);
    const trusted = json(trusting(account, fingerprint));
    await tx
      .updateTable('provider')
      .set({ account: trusted, changed_at: sql<Date>`now()` })
      .where('id', '=', id)
      .execute();
    await recordEvent(tx, {
      actor: by,
      code: 'provider.trusted',
      params: { provider: name, providerId: id, fingerprint },
      severity: 'information',
    });
    await watchAnew(tx, id);
  });
}

/** Reads all of it again; one that has stopped gets one more try. @throws provider.not_found */
export async function refreshProvider(db: Db, id: string, by: By): Promise<void> {
  await db.transaction(async (tx) => {
    const { name } = await lockProvider(tx, id);
    await watchAnew(tx, id);
    await say(tx, by, 'provider.refreshed', { id, name });
  });
}

/** A tombstone: its objects stay for whoever refers to them, its secrets do not. @throws provider.not_found */
export async function removeProvider(db: Db, id: string, by: By): Promise<void> {
  await db.transaction(async (tx) => {
    const { name, system_id: systemId, watch_worker: worker } = await lockProvider(tx, id);
    await tx.deleteFrom('provider_secret').where('provider_id', '=', id).execute();
    await tx
      .updateTable('provider')
      .set({ removed_at: sql<Date>`now()`, watch_token: newId(), watch_worker: null })
      .where('id', '=', id)
      .execute();
    if (systemId !== null) await leaveSystem(tx, systemId);
    if (worker !== null) await wakeCommands(tx, worker);
    await say(tx, by, 'provider.removed', { id, name });
  });
}

/** @throws provider.not_found */
export async function keepCheck(db: Db, id: string, check: ProviderCheck): Promise<void> {
  const { product, version } = check;
  const told = product === '' ? {} : { product, version };
  await db.kysely
    .updateTable('provider')
    .set({ last_check: json(check), last_check_at: sql<Date>`now()`, ...told })
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .execute();
}

export type ProviderToAsk = {
  readonly account: ProviderAccount;
  readonly secrets: Secrets;
  readonly workerId: string | null;
  /** Of its watch, as it was when this was read. */
  readonly token: string;
  /** What it waits for somebody to mend; null when it has not stopped. */
  readonly stoppedBy: StoredError | null;
};

/** What a question to a worker needs of a saved provider. @throws provider.not_found, secrets.… */
export async function providerToAsk(db: Db, vault: Vault, id: string): Promise<ProviderToAsk> {
  return db.transaction(async (tx) => {
    const row = await tx
      .selectFrom('provider')
      .select(['account', 'via', 'watch_worker', 'watch_token', 'state', 'error'])
      .where('id', '=', id)
      .where('removed_at', 'is', null)
      .executeTakeFirst();
    if (row === undefined) throw new WherryError('provider.not_found', { provider: id });
    const secrets = await openProviderSecrets(tx, vault, id);
    const { account, via, watch_worker: worker, watch_token: token, state, error } = row;
    return { account, secrets, workerId: via ?? worker, token, stoppedBy: state === 'stopped' ? error : null };
  });
}

async function lockProvider(tx: Tx, id: string) {
  const row = await tx
    .selectFrom('provider')
    .selectAll()
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) throw new WherryError('provider.not_found', { provider: id });
  return row;
}

/** Another token: whoever watched stops; the clock, or whoever calls this, finds the worker that begins anew. */
async function watchAnew(tx: Tx, id: string): Promise<void> {
  const { watch_worker: worker } = await tx
    .selectFrom('provider')
    .select('watch_worker')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  await tx
    .updateTable('provider')
    .set({
      watch_token: newId(),
      watch_worker: null,
      unable_workers: [],
      state: 'new',
      error: null,
      retry_at: null,
    })
    .where('id', '=', id)
    .execute();
  if (worker !== null) await wakeCommands(tx, worker);
}

async function sealSecrets(tx: Tx, vault: Vault, id: string, secrets: Secrets): Promise<void> {
  for (const [name, value] of Object.entries(secrets)) {
    const sealed = await vault.seal(tx, providerSecret(id, name), value);
    await tx
      .insertInto('provider_secret')
      .values({ provider_id: id, name, sealed })
      .onConflict((conflict) =>
        conflict.columns(['provider_id', 'name']).doUpdateSet({ sealed, changed_at: sql<Date>`now()` }),
      )
      .execute();
  }
}

async function hasSecret(tx: Tx, id: string, name: string): Promise<boolean> {
  const query = tx.selectFrom('provider_secret').select('name').where('provider_id', '=', id).where('name', '=', name);
  return (await query.executeTakeFirst()) !== undefined;
}

async function checkGivenAgain(
  tx: Tx,
  { id, name }: { readonly id: string; readonly name: string },
  given: Readonly<Record<string, unknown>>,
): Promise<void> {
  const rows = await tx.selectFrom('provider_secret').select('name').where('provider_id', '=', id).execute();
  const missing = rows.find((row) => !(row.name in given));
  if (missing !== undefined) throw new WherryError('provider.secret_again', { provider: name, secret: missing.name });
}

async function checkWorker(tx: Tx, via: string | null): Promise<void> {
  if (via === null) return;
  const worker = await tx.selectFrom('worker').select('id').where('id', '=', via).executeTakeFirst();
  if (worker === undefined) throw new WherryError('request.not_found', { kind: 'worker', id: via });
}

async function named<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (sqlState(error) === '23505') throw new WherryError('provider.name_taken', { name });
    throw error;
  }
}

async function say(tx: Tx, by: By, code: string, { id, name }: { id: string; name: string }): Promise<void> {
  await recordEvent(tx, { actor: by, code, params: { provider: name, providerId: id }, severity: 'information' });
}
