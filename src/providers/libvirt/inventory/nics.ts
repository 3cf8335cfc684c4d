/** NICs of a domain's XML, with the addresses that the guest or the host tells. Pure. */
import type { InventoryNic, InventoryObject } from '../../../model/inventory.ts';
import { allXml, findXml, type XmlElement } from '../../domain/xml.ts';
import type { GuestInterface } from '../rpc/inventory-calls.ts';
import type { HostContext } from './context.ts';
import { some } from './values.ts';

/** What a NIC is plugged into that is not a libvirt network: a bridge, or a card of the host that it shares. */
export type HostPlug = { readonly kind: 'bridge' | 'direct'; readonly name: string };

export function nicElements(domain: XmlElement): readonly XmlElement[] {
  return allXml(domain, 'devices', 'interface');
}

export function plugOf(nic: XmlElement): HostPlug | null {
  const source = findXml(nic, 'source')?.attributes ?? {};
  const { type } = nic.attributes;
  if (type === 'bridge' && some(source['bridge']) !== null) return { kind: 'bridge', name: source['bridge'] ?? '' };
  if (type === 'direct' && some(source['dev']) !== null) return { kind: 'direct', name: source['dev'] ?? '' };
  return null;
}

/** All of a domain, each once. */
export function plugsOf(domain: XmlElement): HostPlug[] {
  const found = new Map<string, HostPlug>();
  for (const nic of nicElements(domain)) {
    const plug = plugOf(nic);
    if (plug !== null) found.set(plugRef(plug), plug);
  }
  return [...found.values()];
}

export function plugRef(plug: HostPlug): string {
  return `${plug.kind}:${plug.name}`;
}

/** As an object of the inventory: a network without an identity of its own. */
export function plugObject(plug: HostPlug, hostRef: string): InventoryObject {
  const type = plug.kind === 'bridge' ? 'bridge' : 'macvtap';
  return {
    kind: 'network',
    ref: plugRef(plug),
    name: plug.name,
    stableId: null,
    parentRef: hostRef,
    data: { type, vlan: null },
  };
}

export function describeNics(domain: XmlElement, guest: readonly GuestInterface[], host: HostContext): InventoryNic[] {
  const ids = new Set<string>();
  return nicElements(domain).map((nic, index) => {
    const mac = some(findXml(nic, 'mac')?.attributes['address']?.toLowerCase());
    // Its MAC stays with a NIC when others come and go; two with one MAC are told apart by their place.
    const id = mac === null || ids.has(mac) ? `nic${index}` : mac;
    ids.add(id);
    return {
      id,
      mac,
      ...networkOf(nic, host),
      model: some(findXml(nic, 'model')?.attributes['type']),
      connected: findXml(nic, 'link')?.attributes['state'] !== 'down',
      ips: mac === null ? [] : addressesOf(guest.filter((each) => each.mac?.toLowerCase() === mac)),
    };
  });
}

function networkOf(nic: XmlElement, host: HostContext): { networkRef: string | null; network: string | null } {
  const plug = plugOf(nic);
  if (plug !== null) return { networkRef: plugRef(plug), network: plug.name };
  const { type } = nic.attributes;
  const name = some(findXml(nic, 'source')?.attributes['network']);
  if (type === 'network' && name !== null) return { networkRef: host.networks.get(name) ?? null, network: name };
  // QEMU's own NAT and the like are no network that others could be on.
  return { networkRef: null, network: type === undefined ? null : type };
}

/** Each once, without those of the loopback. */
export function addressesOf(interfaces: readonly GuestInterface[]): string[] {
  const all = interfaces.filter((each) => each.name !== 'lo').flatMap((each) => each.addresses);
  return [...new Set(all.filter((address) => address !== '' && !/^(127\.|::1$)/.test(address)))];
}
