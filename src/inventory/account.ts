/** What can be said of an account without connecting to it. Pure. */
import { WherryError } from '../model/errors.ts';
import { secretNames } from '../model/secret-names.ts';
import type { ProviderAccount, Secrets } from '../model/provider.ts';
import { hiddenQuery, hidesQuery, withoutQuery } from '../model/web-address.ts';

/** Where it is, as the user wrote it. */
export function addressOf(account: ProviderAccount): string {
  switch (account.type) {
    case 'vsphere':
      return account.url;
    case 'libvirt':
      return account.uri;
    case 'ova':
      return account.location;
    default:
      return account satisfies never;
  }
}

/** @throws provider.setting_wrong: a password in the address would be stored, shown and logged with it */
export function checkAccount(account: ProviderAccount): void {
  const address = addressOf(account);
  const setting = { vsphere: 'url', libvirt: 'uri', ova: 'location' }[account.type];
  // Not every libvirt URI is one that URL takes: what stands before the last "@" of the authority is looked at by hand too.
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(address)?.[1] ?? '';
  const user = authority.includes('@') ? authority.slice(0, authority.lastIndexOf('@')) : '';
  if (user.includes(':') || (account.type === 'vsphere' && user !== '')) {
    const why = 'it holds a name or a password, which have places of their own';
    throw new WherryError('provider.setting_wrong', { setting, why });
  }
}

type GivenSecrets = Readonly<Record<string, string | null>>;

/**
 * The account as it is kept and shown, and what is given of secrets with the query that its address held: it may be a
 * signature. An address that ends in `?…` keeps the query that there is; one without any drops it (`query: null`).
 */
export function withQueryApart(
  account: ProviderAccount,
  given: GivenSecrets,
): { readonly account: ProviderAccount; readonly secrets: GivenSecrets } {
  if (account.type !== 'ova' || !/^https?:/i.test(account.location)) return { account, secrets: given };
  const { shown, query } = withoutQuery(account.location);
  const place = shown.replace(hiddenQuery, '');
  const kept = (location: string, secrets: GivenSecrets) => ({ account: { ...account, location }, secrets });
  const { query: apart } = given;
  if (apart === null || apart === '') return kept(place, { ...given, query: null });
  if (apart !== undefined) return kept(place + hiddenQuery, given);
  if (query !== null) return kept(shown, { ...given, query });
  return kept(shown, hidesQuery(shown) ? given : { ...given, query: null });
}

/** Of an account that nothing is kept of yet. @throws provider.setting_wrong: `?…` stands for a query that nobody has */
export function newAccount(
  account: ProviderAccount,
  given: Secrets,
): { readonly account: ProviderAccount; readonly secrets: Secrets } {
  const apart = withQueryApart(account, given);
  const secrets = Object.fromEntries(
    Object.entries(apart.secrets).filter((each): each is [string, string] => each[1] !== null),
  );
  if (apart.account.type === 'ova' && secrets['query'] === undefined) checkQuery(apart.account.location);
  return { account: apart.account, secrets };
}

/** @throws provider.setting_wrong */
export function checkQuery(location: string): void {
  if (!hidesQuery(location)) return;
  const why = `${hiddenQuery} stands for what is kept and not shown, and nothing is: give the whole address`;
  throw new WherryError('provider.setting_wrong', { setting: 'location', why });
}

/** @throws provider.secret_unknown */
export function checkSecretNames(account: ProviderAccount, names: readonly string[]): void {
  const known: readonly string[] = secretNames[account.type];
  const secret = names.find((name) => !known.includes(name));
  if (secret === undefined) return;
  throw new WherryError('provider.secret_unknown', { type: account.type, secret, known: known.join(', ') });
}

/**
 * The account with what the user saw and trusts now.
 * @throws provider.setting_wrong when an account of this type has no such fingerprint
 */
export function trusting(account: ProviderAccount, fingerprint: string): ProviderAccount {
  if (fingerprint.startsWith('SHA256:')) {
    if (account.type === 'libvirt') return { ...account, hostKey: fingerprint };
    throw new WherryError('provider.setting_wrong', { setting: 'fingerprint', why: 'it is that of an ssh host key' });
  }
  return { ...account, trust: { kind: 'pinned', sha256: fingerprint } };
}

/** Kept secrets go to nobody but the system they were given for. */
export function isElsewhere(before: ProviderAccount, after: ProviderAccount): boolean {
  return placeOf(before) !== placeOf(after);
}

/** A signature that was renewed leads to the same place. */
function placeOf(account: ProviderAccount): string {
  return withoutQuery(addressOf(account)).shown.replace(hiddenQuery, '');
}
