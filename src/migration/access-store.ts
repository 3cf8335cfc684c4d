/** With what a source in a provider is reached: joined for the worker that is to reach it, and kept nowhere. */
import { normalize } from 'node:path/posix';
import { type Db, type Executor, json, type Tx } from '../db/db.ts';
import { recordEvent } from '../db/event-store.ts';
import { openProviderSecrets, type Vault } from '../db/vault-store.ts';
import { fromStored, toStored, WherryError } from '../model/errors.ts';
import type { OvaAccount, ProviderAccount, Secrets } from '../model/provider.ts';
import { pathsOf } from '../model/source-paths.ts';
import type { SourceSpec } from '../model/spec.ts';
import { withoutQuery } from '../model/web-address.ts';
import { opensSource } from './itinerary.ts';
import { wakeCommands } from './news-store.ts';
import type { Lease, Outcome } from './protocol.ts';
import { now, type StepRow } from './rows-store.ts';
import { openSourceQuery } from './source-query-store.ts';

type Access = { readonly account: ProviderAccount; readonly secrets: Secrets };

/**
 * Null where the source names no provider and has no query of its own.
 * @param token the attempt that gets it, to know later whose secrets were refused
 * @param query what stands after the question mark of its address; null: nothing, or what its provider knows
 * @throws as `checkAccess`, secrets.…
 */
export async function accessOf(
  db: Db,
  vault: Vault,
  source: SourceSpec,
  query: string | null,
  token: string | null = null,
): Promise<Access | null> {
  if (source.type !== 'web') return null;
  checkAddress(source.url);
  // What its own query is refused says nothing of the provider's account.
  const through = await accessThrough(db, vault, source, query === null ? token : null);
  if (query === null) return through;
  const account = { ...(through?.account ?? { type: 'ova' as const }), location: source.url };
  return { account, secrets: { ...through?.secrets, query } };
}

async function accessThrough(
  db: Db,
  vault: Vault,
  source: SourceSpec & { type: 'web' },
  token: string | null,
): Promise<{ account: OvaAccount; secrets: Secrets } | null> {
  const { provider } = source;
  if (provider === undefined) return null;
  return db.transaction(async (tx: Tx) => {
    // Held until the secrets are opened, so that they are those of the account that is noted.
    const held = await tx.selectFrom('provider').select('id').where('id', '=', provider).forShare().executeTakeFirst();
    const account = await checkAccess(tx, source);
    if (account === null || held === undefined) return null;
    // Without a name nothing was sent that could lock an account.
    if (token !== null && account.username !== undefined) await noteAccount(tx, token, provider);
    return { account, secrets: await openProviderSecrets(tx, vault, provider) };
  });
}

async function noteAccount(tx: Tx, token: string, provider: string): Promise<void> {
  await tx
    .updateTable('attempt')
    .set((row) => ({
      account_changed_at: row.selectFrom('provider').select('changed_at').where('id', '=', provider),
    }))
    .where('token', '=', token)
    .execute();
}

/**
 * A worker was refused with what this attempt was given: its provider is stopped, so that no other VM, nor its watch, tries
 * the same once more. It goes on when somebody has changed it; one that was changed since the attempt got its secrets is left alone.
 */
export async function noteRefusal(
  tx: Tx,
  { token, vm_migration_id: id }: Pick<StepRow, 'token' | 'vm_migration_id'>,
  outcome: Outcome,
): Promise<void> {
  if (!('error' in outcome) || outcome.error.code !== 'provider.sign_in_refused') return;
  const { error } = outcome;
  const { spec } = await tx.selectFrom('vm_migration').select('spec').where('id', '=', id).executeTakeFirstOrThrow();
  if (spec.source.type !== 'web' || spec.source.provider === undefined) return;
  const stopped = await tx
    .updateTable('provider as p')
    .from('attempt as a')
    .set({ state: 'stopped', error: json(error), retry_at: null })
    .where('a.token', '=', token)
    .whereRef('p.changed_at', '=', 'a.account_changed_at')
    .where('p.id', '=', spec.source.provider)
    .where('p.removed_at', 'is', null)
    .where('p.state', '!=', 'stopped')
    .returning(['p.id', 'p.name', 'p.watch_worker'])
    .executeTakeFirst();
  if (stopped === undefined) return;
  const params = { ...error.params, provider: stopped.name, providerId: stopped.id, error: error.code };
  await recordEvent(tx, { actor: 'server', code: 'provider.stopped', params, severity: 'error' });
  if (stopped.watch_worker !== null) await wakeCommands(tx, stopped.watch_worker);
}

/**
 * The account of the provider that the source names. Its password goes to nobody but the server it was given for, and where that
 * has refused it, nowhere: each VM of a migration would be one more try, until the account is locked.
 * @throws provider.not_found, provider.setting_wrong, provider.sign_in_refused
 */
export async function checkAccess(db: Executor, source: SourceSpec): Promise<OvaAccount | null> {
  if (source.type === 'web') checkAddress(source.url);
  if (source.type !== 'web' || source.provider === undefined) return null;
  const row = await db
    .selectFrom('provider')
    .select(['name', 'account', 'state', 'error'])
    .where('id', '=', source.provider)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  if (row === undefined) throw new WherryError('provider.not_found', { provider: source.provider });
  const { account, name, state, error } = row;
  if (account.type !== 'ova' || originOf(account.location) !== new URL(source.url).origin) {
    const why = `${withoutQuery(source.url).shown} is not on the web server of provider ${name}`;
    throw new WherryError('provider.setting_wrong', { setting: 'source', why });
  }
  if (state === 'stopped' && error?.code === 'provider.sign_in_refused') throw fromStored(error);
  return account;
}

/** Kept with the migration and shown to whoever sees it. @throws provider.setting_wrong, without the address: it may hold a password */
function checkAddress(url: string): void {
  const address = URL.canParse(url) ? new URL(url) : null;
  const why =
    address === null
      ? 'it is no address'
      : 'it holds a name or a password, which belong to a provider of that web server';
  if (address === null || address.username !== '' || address.password !== '') {
    throw new WherryError('provider.setting_wrong', { setting: 'source', why });
  }
}

function originOf(location: string): string | null {
  return URL.canParse(location) ? new URL(location).origin : null;
}

/** Directories which an administrator has added as stores, on that worker or on any. */
export async function storesOf(db: Executor, workerId: string | null): Promise<string[]> {
  if (workerId === null) return [];
  const rows = await db
    .selectFrom('provider')
    .select('account')
    .where('type', '=', 'ova')
    .where('removed_at', 'is', null)
    .where((row) => row.or([row.eb('via', '=', workerId), row.eb('via', 'is', null)]))
    .orderBy('id')
    .execute();
  return rows.flatMap(({ account }) =>
    account.type === 'ova' && account.location.startsWith('/') ? [account.location] : [],
  );
}

/**
 * The worker that reads the store in which all these files are: they need not be anywhere else. Null where there is none, or it
 * is silent. By names alone: what they really lead to only the worker knows, and it looks (worker/directories.ts).
 */
export async function workerOfStore(db: Executor, source: SourceSpec): Promise<string | null> {
  if (source.type === 'web') return null;
  const rows = await db
    .selectFrom('provider')
    .innerJoin('worker', (join) =>
      join.on((row) => row.eb('worker.id', '=', row.fn.coalesce('provider.via', 'provider.watch_worker'))),
    )
    .select(['worker.id', 'provider.account'])
    .where('provider.type', '=', 'ova')
    .where('provider.removed_at', 'is', null)
    .where('worker.alive_until', '>', now)
    .orderBy('provider.id')
    .execute();
  const found = rows.find(
    ({ account }) => account.type === 'ova' && pathsOf(source).every((path) => isIn(path, account.location)),
  );
  return found?.id ?? null;
}

function isIn(path: string, directory: string): boolean {
  return normalize(`${path}/`).startsWith(normalize(`${directory}/`));
}

/** Only what opens the source gets what opens it. What keeps it from being reached fails the step, not the poll for work. */
export async function withAccess(db: Db, vault: Vault, lease: Lease): Promise<Lease> {
  const { spec, targetCopyId } = lease.vmMigration;
  if (spec.source.type !== 'web' || !opensSource(lease.step.name)) return lease;
  try {
    const query = await openSourceQuery(db, vault, targetCopyId);
    const access = await accessOf(db, vault, spec.source, query, lease.token);
    return access === null ? lease : { ...lease, account: access.account, secrets: { ...access.secrets } };
  } catch (error) {
    if (!(error instanceof WherryError)) throw error;
    const { code, params, causes } = toStored(error);
    return { ...lease, accessError: { code, params, causes: [...causes] } };
  }
}
