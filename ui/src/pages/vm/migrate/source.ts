/** What of the inventory a migration can take, and why not. Pure. */
import type { InventoryVmView, ProviderType, VmMigrationSpec } from '../../../api/types.ts';

export type Found =
  | { readonly source: VmMigrationSpec['source']; readonly vm: string | null; readonly why: null }
  | { readonly source: null; readonly why: string };

const otherTypes: Readonly<Record<Exclude<ProviderType, 'ova'>, string>> = {
  vsphere:
    'VMs are not migrated from vSphere directly yet. Export it as an OVA into a store, and migrate it from there.',
  libvirt:
    'VMs are not migrated from libvirt directly yet. Put its domain XML and its disks into a store, and migrate it from there.',
};

export function sourceOf({ ref, provider, goneAt, vm }: InventoryVmView): Found {
  if (provider === null) return { source: null, why: 'Its provider was removed.' };
  if (goneAt !== null) return { source: null, why: 'Its source does not have it any more.' };
  if (provider.type !== 'ova') return { source: null, why: otherTypes[provider.type] };
  if (vm.detail !== 'full') return { source: null, why: 'It has not been read yet: no more than its name is known.' };
  const file = String(vm.facts['ova.file'] ?? '');
  // Several VMs of one file are told apart by what stands behind it.
  const id = ref.startsWith(`${file}#`) ? ref.slice(file.length + 1) : null;
  return { source: specOf(file, String(vm.facts['ova.format'] ?? ''), provider.id), vm: id, why: null };
}

function specOf(file: string, format: string, provider: string): VmMigrationSpec['source'] {
  if (/^https?:/.test(file)) return { type: 'web', url: file, provider };
  if (format === 'image') return { type: 'files', paths: [file] };
  return { type: format === 'domain-xml' ? 'domain' : 'ova', path: file };
}
