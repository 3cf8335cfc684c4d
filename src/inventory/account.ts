/** What can be said of an account without connecting to it. Pure. */
import { WherryError } from '../model/errors.ts';
import { type ProviderAccount, secretNames } from '../model/provider.ts';

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
  return addressOf(before) !== addressOf(after);
}
