import type { Vm, VmNic } from '../../model/vm.ts';
import { type Item, resourceType } from './ovf-items.ts';
import { attribute, childOf, childrenOf, type Element } from './xml.ts';

/** The VM's network cards, in their order in the OVF. */
export function readNics(items: readonly Item[], machine: Element | null, origin: Vm['origin']): VmNic[] {
  const cards = items.filter(({ type }) => type === resourceType.ethernet);
  const adapters = virtualBoxAdapters(machine);
  return cards.map((item, index) => {
    // VirtualBox writes one item per adapter that is in use, by slot, and keeps the addresses to itself.
    const adapter = adapters.length === cards.length ? adapters[index] : undefined;
    const repeated = cards.slice(0, index).some(({ id }) => id === item.id);
    return {
      id: item.id === '' || repeated ? `nic-${index + 1}` : item.id,
      mac: readMac(item.field('Address') ?? item.field('MACAddress') ?? adapter?.mac ?? ''),
      network: networkOf(item, origin),
      model: modelOf(item.subtype, origin) ?? adapter?.model ?? (origin === 'xen' ? 'netfront' : null),
      connected: item.field('AutomaticAllocation') !== 'false' && item.field('Linked') !== 'false',
    };
  });
}

/** The Xen tools connect a card by the network's UUID, and call the card what people call the network. */
function networkOf(item: Item, origin: Vm['origin']): string {
  const network = item.field('Connection') ?? '';
  const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(network);
  return origin === 'xen' && isUuid ? (item.field('ElementName') ?? network) : network;
}

/** Twelve hexadecimal digits however they are separated; null for none, all zeros and addresses of groups. */
export function readMac(text: string): string | null {
  const digits = text.toLowerCase().replaceAll(/[-:.]/g, '');
  if (!/^[0-9a-f]{12}$/.test(digits) || digits === '000000000000') return null;
  if ((Number.parseInt(digits.slice(0, 2), 16) & 1) === 1) return null;
  return digits.replaceAll(/(..)(?!$)/g, '$1:');
}

function modelOf(subtype: string, origin: Vm['origin']): string | null {
  // Several are alternatives, the best first.
  const [first = ''] = subtype.toLowerCase().split(/[\s,]+/);
  if (first === '') return null;
  if (/^\d+$/.test(first)) return origin === 'ovirt' ? (ovirtModels.get(first) ?? null) : null;
  if (first.startsWith('vmxnet')) return first === 'vmxnet3' ? 'vmxnet3' : 'vmxnet';
  return first.startsWith('virtio') ? 'virtio' : first.slice(0, 40);
}

/** oVirt's VmInterfaceType. */
const ovirtModels: ReadonlyMap<string, string> = new Map([
  ['0', 'rtl8139'],
  ['1', 'rtl8139'],
  ['2', 'e1000'],
  ['3', 'virtio'],
  ['6', 'e1000e'],
]);

type Adapter = { readonly mac: string; readonly model: string | null };

function virtualBoxAdapters(machine: Element | null): Adapter[] {
  const hardware = machine === null ? null : childOf(machine, 'vbox', 'Hardware');
  const network = hardware === null ? null : childOf(hardware, 'vbox', 'Network');
  if (network === null) return childrenWithoutSpace(machine);
  return adaptersOf(network, 'vbox');
}

/** Inside vbox:Machine most writers leave everything in the default namespace, which is OVF's. */
function childrenWithoutSpace(machine: Element | null): Adapter[] {
  const hardware = machine === null ? null : childOf(machine, 'ovf', 'Hardware');
  const network = hardware === null ? null : childOf(hardware, 'ovf', 'Network');
  return network === null ? [] : adaptersOf(network, 'ovf');
}

function adaptersOf(network: Element, space: 'vbox' | 'ovf'): Adapter[] {
  return childrenOf(network, space, 'Adapter')
    .filter((adapter) => attribute(adapter, space, 'enabled') === 'true')
    .sort((a, b) => Number(attribute(a, space, 'slot') ?? 0) - Number(attribute(b, space, 'slot') ?? 0))
    .map((adapter) => {
      const type = attribute(adapter, space, 'type') ?? '';
      const model = type.startsWith('8254') ? 'e1000' : /^am79/i.test(type) ? 'pcnet' : type === 'virtio' ? type : null;
      return { mac: attribute(adapter, space, 'MACAddress') ?? '', model };
    });
}
