/** What is filled in while a provider is added or edited, as the fields have it, and what the API gets of it. Pure. */
import type { ProviderAccount, ProviderType, ProviderView, Trust } from '../../api/types.ts';

export type Draft = {
  readonly type: ProviderType;
  readonly name: string;
  /** URL, libvirt URI, or directory or URL of a store. */
  readonly address: string;
  readonly username: string;
  /** By name; what is empty is not sent. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly trust: Trust;
  readonly clientCertificate: string;
  readonly hostKey: string;
  /** A worker's id; empty: the server chooses. */
  readonly via: string;
};

export const emptyDraft: Draft = {
  type: 'vsphere',
  name: '',
  address: '',
  username: '',
  secrets: {},
  trust: { kind: 'system' },
  clientCertificate: '',
  hostKey: '',
  via: '',
};

export function draftOf({ type, name, account, via }: ProviderView): Draft {
  const common = { ...emptyDraft, type, name, via: via?.id ?? '', trust: account.trust ?? emptyDraft.trust };
  if (account.type === 'vsphere') return { ...common, address: account.url, username: account.username };
  if (account.type === 'ova') return { ...common, address: account.location, username: account.username ?? '' };
  const { uri, clientCertificate = '', hostKey = '' } = account;
  return { ...common, address: uri, clientCertificate, hostKey };
}

export function accountOf(draft: Draft): ProviderAccount {
  const { type, trust, hostKey, clientCertificate } = draft;
  const address = addressFor(draft);
  const username = draft.username.trim();
  // Only what was chosen: without it the system's authorities are asked.
  const own = trust.kind === 'system' ? {} : { trust };
  switch (type) {
    case 'vsphere':
      return { type, url: address, username, trust };
    case 'ova':
      return { type, location: address, ...(username === '' ? {} : { username }), ...own };
    case 'libvirt':
      return {
        type,
        uri: address,
        ...own,
        ...(clientCertificate === '' ? {} : { clientCertificate }),
        ...(hostKey === '' ? {} : { hostKey }),
      };
    default:
      return type satisfies never;
  }
}

/** A vCenter is often given by its name alone. */
function addressFor({ type, address }: Draft): string {
  const trimmed = address.trim();
  return type === 'vsphere' && trimmed !== '' && !/^[a-z]+:\/\//i.test(trimmed) ? `https://${trimmed}` : trimmed;
}

/** Whether it is another system: what is kept of secrets goes to nobody but the one they were given for. */
export function isElsewhere(before: Draft, after: Draft): boolean {
  return placeOf(before) !== placeOf(after);
}

/** The query of a store's address may be a signature: one that was renewed leads to the same place. */
function placeOf(draft: Draft): string {
  const address = addressFor(draft);
  return draft.type === 'ova' && /^https?:/i.test(address) ? address.replace(/[?#].*$/, '') : address;
}

export function secretsOf({ secrets }: Draft): Record<string, string> {
  return Object.fromEntries(Object.entries(secrets).filter(([, value]) => value !== ''));
}

/** How a libvirt URI reaches its host: what it needs of an account hangs on that. */
export function transportOf(uri: string): 'local' | 'ssh' | 'tls' | 'tcp' {
  const [, transport, rest = ''] = /^[a-z]+(?:\+([a-z]+))?:\/\/(.*)$/i.exec(uri.trim()) ?? [];
  if (transport === 'ssh' || transport === 'tls' || transport === 'tcp') return transport;
  // Without a transport a host is reached by TLS.
  return transport === undefined && rest !== '' && !rest.startsWith('/') ? 'tls' : 'local';
}

/** Names what is still missing of the account; empty: it can be checked. `kept`: secrets that the server has. */
export function missingOf(draft: Draft, kept: readonly string[]): readonly string[] {
  const has = (name: string): boolean => (draft.secrets[name] ?? '') !== '' || kept.includes(name);
  return [
    ...(draft.address.trim() === '' ? ['the address'] : []),
    ...(draft.type === 'vsphere' && draft.username.trim() === '' ? ['the user'] : []),
    ...(draft.type === 'vsphere' && !has('password') ? ['the password'] : []),
  ];
}

/** A name to begin with: that of the host or directory. */
export function suggestedName({ address }: Draft): string {
  const trimmed = address.trim();
  const host = /^[a-z+]+:\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/?#]*)/i.exec(trimmed)?.[1] ?? '';
  return host !== '' ? host : (trimmed.split('/').findLast((part) => part !== '') ?? '');
}

/** The same with what the user saw and trusts now. */
export function trusting(draft: Draft, fingerprint: string): Draft {
  if (fingerprint.startsWith('SHA256:')) return { ...draft, hostKey: fingerprint };
  return { ...draft, trust: { kind: 'pinned', sha256: fingerprint } };
}
