import type { Vm } from '../../model/vm.ts';
import { type Element, spaceOf, textOf } from './xml.ts';

/**
 * Which hypervisor a VM comes from. The type of the virtual system says it best; the namespaces that are declared come
 * second, VMware's last, because other tools declare it too.
 */
export function findOrigin(envelope: Element, system: Element | null): Vm['origin'] {
  const types = (textOf(system, 'vssd', 'VirtualSystemType') ?? '').toLowerCase();
  for (const [pattern, origin] of byType) {
    if (pattern.test(types)) return origin;
  }
  const declared = new Set<string>();
  for (const [name, value] of envelope.attributes) {
    if (name.startsWith('xmlns:')) declared.add(spaceOf(value));
  }
  if (declared.has('xen')) return 'xen';
  if (declared.has('ovirt')) return 'ovirt';
  if (declared.has('vbox')) return 'virtualbox';
  return declared.has('vmw') ? 'vmware' : 'unknown';
}

const byType: readonly (readonly [RegExp, Vm['origin']])[] = [
  [/\bvirtualbox-/, 'virtualbox'],
  [/\b(vmx-\d|esx-)/, 'vmware'],
  [/\b(hvm|xen)-3|dmtf:xen/, 'xen'],
  [/^(engine|ovirt|rhev)/, 'ovirt'],
  [/\b(kvm|qemu)\b/, 'kvm'],
  [/^(301|hyperv|dmtf:hyper)/, 'hyperv'],
];
