/** What is filled in to migrate a VM, and what it means. Pure. */
import type { VmMigrationSpec } from '../../../api/types.ts';
import type { Found } from './source.ts';

export type Draft = {
  readonly to: 'libvirt' | 'files';
  readonly uri: string;
  readonly pool: string;
  readonly network: string;
  readonly directory: string;
  readonly format: 'qcow2' | 'raw';
  readonly compressed: boolean;
  readonly verify: boolean;
  readonly start: boolean;
  /** Empty: as at the source. */
  readonly name: string;
};

export const emptyDraft: Draft = {
  to: 'libvirt',
  uri: 'qemu:///system',
  pool: 'default',
  network: 'default',
  directory: '',
  format: 'qcow2',
  compressed: false,
  verify: true,
  start: false,
  name: '',
};

/** What has to be filled in before it can be asked for, as people read it. */
export function missingOf({ to, uri, pool, network, directory }: Draft): string[] {
  const needed: readonly (readonly [string, string])[] =
    to === 'files'
      ? [['the directory', directory]]
      : [
          ['the connection', uri],
          ['the pool', pool],
          ['the network', network],
        ];
  return needed.filter(([, value]) => value.trim() === '').map(([what]) => what);
}

export function specOf({ source, vm }: Found & { readonly why: null }, draft: Draft): VmMigrationSpec {
  return {
    source,
    vm,
    target: targetOf(draft),
    targetName: draft.name.trim() === '' ? null : draft.name.trim(),
    options: {
      conversion: 'auto',
      verify: draft.verify ? 'full' : 'none',
      // Nothing runs from image files.
      power: draft.to === 'libvirt' && draft.start ? 'on' : 'off',
    },
  };
}

function targetOf({ to, uri, pool, network, directory, format, compressed }: Draft): VmMigrationSpec['target'] {
  if (to === 'libvirt') {
    return { type: to, uri: uri.trim(), pool: pool.trim(), format, networks: { '*': network.trim() } };
  }
  const gzip = format === 'raw' && compressed ? { compressed } : {};
  return { type: to, directory: directory.trim(), format, ...gzip, networks: { '*': 'default' } };
}
