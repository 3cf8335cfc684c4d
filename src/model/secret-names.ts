import type { ProviderType } from './provider.ts';

/** The secrets that an account of each type may have; any other name is refused. */
export const secretNames = {
  vsphere: ['password'],
  libvirt: ['password', 'privateKey', 'passphrase', 'clientKey'],
  ova: ['password', 'query'],
} as const satisfies Record<ProviderType, readonly string[]>;
