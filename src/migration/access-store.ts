/** With what a source in a provider is reached: joined for the worker that is to reach it, and kept nowhere. */
import { type Db, type Executor, type Tx } from '../db/db.ts';
import { openProviderSecrets, type Vault } from '../db/vault-store.ts';
import { fromStored, toStored, WherryError } from '../model/errors.ts';
import type { OvaAccount, ProviderAccount, Secrets } from '../model/provider.ts';
import type { SourceSpec } from '../model/spec.ts';
import { withoutQuery } from '../model/web-address.ts';
import { opensSource } from './itinerary.ts';
import type { Lease } from './protocol.ts';
import { openSourceQuery } from './source-query-store.ts';

type Access = { readonly account: ProviderAccount; readonly secrets: Secrets };

/**
 * Null where the source names no provider and has no query of its own.
 * @param query what stands after the question mark of its address; null: nothing, or what its provider knows
 * @throws as `checkAccess`, secrets.…
 */
export async function accessOf(db: Db, vault: Vault, source: SourceSpec, query: string | null): Promise<Access | null> {
  if (source.type !== 'web') return null;
  checkAddress(source.url);
  const through = await accessThrough(db, vault, source);
  if (query === null) return through;
  const account = { ...(through?.account ?? { type: 'ova' as const }), location: source.url };
  return { account, secrets: { ...through?.secrets, query } };
}

async function accessThrough(
  db: Db,
  vault: Vault,
  source: SourceSpec & { type: 'web' },
): Promise<{ account: OvaAccount; secrets: Secrets } | null> {
  const { provider } = source;
  if (provider === undefined) return null;
  return db.transaction(async (tx: Tx) => {
    const account = await checkAccess(tx, source);
    return account === null ? null : { account, secrets: await openProviderSecrets(tx, vault, provider) };
  });
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

/** Only what opens the source gets what opens it. What keeps it from being reached fails the step, not the poll for work. */
export async function withAccess(db: Db, vault: Vault, lease: Lease): Promise<Lease> {
  const { spec, targetCopyId } = lease.vmMigration;
  if (spec.source.type !== 'web' || !opensSource(lease.step.name)) return lease;
  try {
    const query = await openSourceQuery(db, vault, targetCopyId);
    const access = await accessOf(db, vault, spec.source, query);
    return access === null ? lease : { ...lease, account: access.account, secrets: { ...access.secrets } };
  } catch (error) {
    if (!(error instanceof WherryError)) throw error;
    const { code, params, causes } = toStored(error);
    return { ...lease, accessError: { code, params, causes: [...causes] } };
  }
}
