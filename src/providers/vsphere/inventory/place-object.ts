/** From vSphere's datacenters, folders, clusters, hosts, pools, networks and datastores to ours. */
import type { InventoryNetwork, InventoryObject, InventoryStorage } from '../../../model/inventory.ts';
import { isA, type Vim } from '../vim25/schema.ts';
import { nameOf } from './names.ts';
import { powerOf } from './power.ts';
import { as, type ManagedProps, type Props } from './props.ts';

export type Around = { readonly parentRef: string | null; vlan(network: string): string | null };

/** Null for what our tree has no room for. */
export function placeObject(place: ManagedProps, around: Around): InventoryObject | null {
  const common = { ref: place.ref.value, name: nameOf(place), stableId: null, parentRef: around.parentRef };
  switch (place.ref.type) {
    case 'Datacenter':
      return { kind: 'datacenter', ...common, data: {} };
    case 'Folder':
    case 'StoragePod':
      return { kind: 'folder', ...common, data: {} };
    case 'ResourcePool':
    case 'VirtualApp':
      return { kind: 'resource-pool', ...common, data: {} };
    default:
  }
  const cluster = as(place, 'ClusterComputeResource');
  if (cluster !== null) return { kind: 'cluster', ...common, data: { facts: clusterFacts(cluster) } };
  const host = as(place, 'HostSystem');
  if (host !== null) {
    const stableId = uuidOf(host.get('summary.hardware')?.uuid);
    return { kind: 'host', ...common, stableId, data: hostData(host) };
  }
  const datastore = as(place, 'Datastore');
  if (datastore !== null) {
    const stableId = datastore.get('summary')?.url ?? '';
    return { kind: 'storage', ...common, stableId: stableId === '' ? null : stableId, data: storageData(datastore) };
  }
  const network = networkData(place, around);
  return network === null ? null : { kind: 'network', ...common, ...network };
}

function clusterFacts(cluster: Props<'ClusterComputeResource'>): Record<string, boolean> {
  const facts: Record<string, boolean | undefined> = {
    'cluster.ha': cluster.get('configurationEx.dasConfig')?.enabled,
    'cluster.drs': cluster.get('configurationEx.drsConfig')?.enabled,
    'cluster.dpm': cluster.get('configurationEx.dpmConfigInfo')?.enabled,
  };
  return Object.fromEntries(
    Object.entries(facts).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function hostData(host: Props<'HostSystem'>): Extract<InventoryObject, { kind: 'host' }>['data'] {
  const hardware = host.get('summary.hardware');
  const product = host.get('summary.config.product');
  return {
    version: product?.fullName ?? '',
    cpus: hardware?.numCpuThreads ?? 0,
    memoryBytes: hardware?.memorySize ?? 0,
    connection: host.get('runtime.connectionState') ?? '',
    maintenance: host.get('runtime.inMaintenanceMode') ?? false,
    power: powerOf(host.get('runtime.powerState')),
  };
}

function storageData(datastore: Props<'Datastore'>): InventoryStorage {
  const summary = datastore.get('summary');
  return {
    type: summary?.type ?? '',
    capacityBytes: summary?.capacity ?? null,
    freeBytes: summary?.freeSpace ?? null,
    accessible: summary?.accessible ?? false,
    wwns: devicesOf(datastore.get('info')),
  };
}

/** The disks under a VMFS, by their canonical names (naa.…). */
function devicesOf(info: Vim<'DatastoreInfo'> | undefined): string[] {
  return isA(info, 'VmfsDatastoreInfo') ? (info.vmfs?.extent ?? []).map(({ diskName }) => diskName) : [];
}

function networkData(place: ManagedProps, around: Around): { stableId: string | null; data: InventoryNetwork } | null {
  const group = as(place, 'DistributedVirtualPortgroup');
  if (group !== null) {
    const config = group.get('config.defaultPortConfig');
    const vlan = isA(config, 'VMwareDVSPortSetting') ? vlanOf(config.vlan) : null;
    return { stableId: group.get('key') ?? null, data: { type: 'distributed', vlan } };
  }
  const opaque = as(place, 'OpaqueNetwork');
  if (opaque !== null) {
    const summary = opaque.get('summary');
    const id = isA(summary, 'OpaqueNetworkSummary') ? summary.opaqueNetworkId : null;
    return { stableId: id, data: { type: 'opaque', vlan: null } };
  }
  if (as(place, 'Network') === null) return null;
  return { stableId: null, data: { type: 'standard', vlan: around.vlan(nameOf(place)) } };
}

/** "7", "1-100, 200", "pvlan 5"; null without one. */
function vlanOf(vlan: Vim<'VmwareDistributedVirtualSwitchVlanSpec'> | undefined): string | null {
  if (isA(vlan, 'VmwareDistributedVirtualSwitchVlanIdSpec')) return vlan.vlanId === 0 ? null : String(vlan.vlanId);
  if (isA(vlan, 'VmwareDistributedVirtualSwitchPvlanSpec')) return `pvlan ${vlan.pvlanId}`;
  if (!isA(vlan, 'VmwareDistributedVirtualSwitchTrunkVlanSpec')) return null;
  return vlan.vlanId.map(({ start, end }) => (start === end ? String(start) : `${start}-${end}`)).join(', ');
}

function uuidOf(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text.toLowerCase();
}
