/** From network cards, and what the guest tells of them, to our NICs. */
import type { InventoryNic } from '../../../model/inventory.ts';
import { isA, type Vim } from '../vim25/schema.ts';
import { nameOf } from './names.ts';
import type { Places } from './places.ts';

type Network = { readonly ref: string | null; readonly name: string | null };

export function nicsOf(
  devices: readonly Vim<'VirtualDevice'>[],
  guest: readonly Vim<'GuestNicInfo'>[],
  places: Pick<Places, 'name' | 'networkByKey'>,
): InventoryNic[] {
  return devices.flatMap((device) => {
    if (!isA(device, 'VirtualEthernetCard')) return [];
    const network = networkOf(device.backing, places);
    const told = guest.find(({ deviceConfigId }) => deviceConfigId === device.key);
    return [
      {
        id: String(device.key),
        mac: device.macAddress?.toLowerCase() ?? null,
        networkRef: network.ref,
        network: network.name,
        model: modelOf(device._type),
        connected: device.connectable?.connected ?? false,
        ips: told === undefined ? [] : ipsOf(told),
      },
    ];
  });
}

/** Addresses that the guest told of this card, each once. */
export function ipsOf(nic: Vim<'GuestNicInfo'>): string[] {
  const configured = nic.ipConfig?.ipAddress.map(({ ipAddress }) => ipAddress) ?? [];
  return [...new Set([...configured, ...nic.ipAddress])];
}

function networkOf(
  backing: Vim<'VirtualDeviceBackingInfo'> | undefined,
  places: Pick<Places, 'name' | 'networkByKey'>,
): Network {
  if (isA(backing, 'VirtualEthernetCardNetworkBackingInfo')) {
    const ref = backing.network?.value ?? null;
    return { ref, name: places.name(ref ?? undefined) ?? backing.deviceName };
  }
  const key = isA(backing, 'VirtualEthernetCardDistributedVirtualPortBackingInfo')
    ? backing.port.portgroupKey
    : isA(backing, 'VirtualEthernetCardOpaqueNetworkBackingInfo')
      ? backing.opaqueNetworkId
      : undefined;
  const place = key === undefined ? null : places.networkByKey(key);
  return place === null ? { ref: null, name: null } : { ref: place.ref.value, name: nameOf(place) };
}

/** VirtualVmxnet3 → vmxnet3. */
function modelOf(type: string): string {
  return type
    .replace(/^Virtual/, '')
    .replace(/EthernetCard$/, '')
    .toLowerCase();
}
