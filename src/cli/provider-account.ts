/** What a user says of a provider on the command line, as an account. Pure. */
import { WherryError } from '../model/errors.ts';
import type { ProviderAccount, ProviderType, Trust } from '../model/provider.ts';

export type AccountFlags = {
  readonly type?: ProviderType;
  readonly username?: string;
  /** As it was shown: hex SHA-256 of a certificate (colons are fine), or `SHA256:…` of an ssh host key. */
  readonly trustFingerprint?: string;
};

/** @param pem what the file of --ca holds @throws client.usage */
export function accountOf(address: string, flags: AccountFlags, pem: string | null): ProviderAccount {
  const trust = trustOf(flags.trustFingerprint, pem);
  const { username } = flags;
  const type = flags.type ?? typeOf(address);
  switch (type) {
    case 'vsphere':
      if (username === undefined) throw usage('vCenter and ESXi need --username');
      return { type, url: address, username, trust: trust ?? { kind: 'system' } };
    case 'libvirt': {
      if (username !== undefined)
        throw usage('the user of a libvirt host stands in its URI: qemu+ssh://USER@HOST/system');
      const hostKey = flags.trustFingerprint?.startsWith('SHA256:') === true ? { hostKey: flags.trustFingerprint } : {};
      return { type, uri: address, ...hostKey, ...(trust === null ? {} : { trust }) };
    }
    case 'ova':
      return {
        type,
        location: address,
        ...(username === undefined ? {} : { username }),
        ...(trust === null ? {} : { trust }),
      };
    default:
      return type satisfies never;
  }
}

/** The account with what is trusted now. */
export function withTrust(account: ProviderAccount, fingerprint: string): ProviderAccount {
  if (fingerprint.startsWith('SHA256:')) {
    if (account.type !== 'libvirt') throw usage('only libvirt over ssh has a host key');
    return { ...account, hostKey: fingerprint };
  }
  return { ...account, trust: { kind: 'pinned', sha256: hex(fingerprint) } };
}

export function fingerprintOf(text: string): string {
  return text.startsWith('SHA256:') ? text : hex(text);
}

function typeOf(address: string): ProviderType {
  if (/^(qemu|xen|test)(\+\w+)?:\/\//.test(address)) return 'libvirt';
  if (address.startsWith('/')) return 'ova';
  throw usage(`say --type vsphere or --type ova for ${address}`);
}

function trustOf(fingerprint: string | undefined, pem: string | null): Trust | null {
  if (fingerprint !== undefined && pem !== null) throw usage('--ca and --trust-fingerprint exclude each other');
  if (pem !== null) return { kind: 'ca', pem };
  if (fingerprint === undefined || fingerprint.startsWith('SHA256:')) return null;
  return { kind: 'pinned', sha256: hex(fingerprint) };
}

function hex(fingerprint: string): string {
  const plain = fingerprint.replaceAll(':', '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(plain)) return plain;
  throw usage(
    'a fingerprint is the SHA-256 of the certificate in hex (openssl x509 -fingerprint -sha256), or SHA256:… of a host key',
  );
}

function usage(problem: string): WherryError {
  return new WherryError('client.usage', { problem });
}
