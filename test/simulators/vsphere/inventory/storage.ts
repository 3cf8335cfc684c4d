/** Datastores and networks, and who sees them. */
import { randomUUID } from 'node:crypto';
import { folderOf } from './places.ts';
import { asRef, data, refOf, type Data, type Ref, type Value } from '../values.ts';
import type { World } from '../world.ts';

export type DatastoreOptions = {
  readonly type?: 'VMFS' | 'NFS' | 'NFS41' | 'vsan' | 'VVOL';
  readonly capacity?: number;
  readonly free?: number;
  readonly accessible?: boolean;
  readonly maintenance?: boolean;
  /** Of VMFS: the device under it. */
  readonly naa?: string;
  readonly server?: string;
  readonly path?: string;
  /** Who mounts it; absent: all hosts of the datacenter that are given to it later by `mount`. */
  readonly hosts?: readonly Ref[];
};

export function newDatastore(world: World, name: string, datacenter: Ref, options: DatastoreOptions = {}): Ref {
  const { store } = world;
  const ref = refOf('Datastore', world.newId('datastore-'));
  const type = options.type ?? 'VMFS';
  const uuid = type === 'vsan' ? `vsan:52${randomUUID().slice(2)}` : randomUUID();
  const url = `ds:///vmfs/volumes/${uuid}/`;
  const capacity = options.capacity ?? 4 * 1024 ** 4;
  const freeSpace = options.free ?? 2 * 1024 ** 4;
  const accessible = options.accessible ?? true;
  const maintenanceMode = options.maintenance === true ? 'inMaintenance' : 'normal';
  const summary = {
    datastore: ref,
    name,
    url,
    capacity,
    freeSpace,
    uncommitted: 0,
    accessible,
    multipleHostAccess: true,
  };
  const parent = folderOf(world, datacenter, 'datastore');
  const info = infoOf(
    type,
    { name, url, freeSpace, maxFileSize: 64 * 1024 ** 4, maxMemoryFileSize: 64 * 1024 ** 4 },
    capacity,
    uuid,
    options,
  );
  store.add({
    ref,
    properties: new Map<string, Value>([
      ['name', name],
      ['parent', parent],
      ['overallStatus', 'green'],
      ['configStatus', 'green'],
      ['recentTask', []],
      ['summary', data('DatastoreSummary', { ...summary, type, maintenanceMode })],
      ['info', info],
      ['host', []],
      ['vm', []],
    ]),
  });
  store.addTo(parent, 'childEntity', ref);
  store.addTo(datacenter, 'datastore', ref);
  for (const host of options.hosts ?? []) mount(world, ref, host);
  return ref;
}

export function mount({ store }: World, datastore: Ref, host: Ref): void {
  const mountInfo = data('HostMountInfo', { accessMode: 'readWrite', mounted: true, accessible: true });
  store.addTo(datastore, 'host', data('DatastoreHostMount', { key: host, mountInfo }));
  store.addTo(host, 'datastore', datastore);
  const cluster = asRef(store.read(host, 'parent'));
  if (cluster !== undefined) store.addTo(cluster, 'datastore', datastore);
}

function infoOf(
  type: string,
  common: Record<string, Value>,
  capacity: number,
  uuid: string,
  options: DatastoreOptions,
): Data {
  const name = common['name'] ?? '';
  if (type === 'VMFS') {
    const diskName = options.naa ?? `naa.6006016${uuid.replaceAll('-', '').slice(0, 25)}`;
    const extent = [data('HostScsiDiskPartition', { diskName, partition: 1 })];
    const volume = {
      type,
      name,
      capacity,
      blockSizeMb: 1,
      maxBlocks: 63_963_136,
      majorVersion: 6,
      version: '6.82',
      uuid,
      extent,
    };
    return data('VmfsDatastoreInfo', { ...common, vmfs: data('HostVmfsVolume', { ...volume, vmfsUpgradable: false }) });
  }
  if (type.startsWith('NFS')) {
    const remoteHost = options.server ?? 'nfs.example.com';
    const nas = data('HostNasVolume', { type, name, capacity, remoteHost, remotePath: options.path ?? '/export/vms' });
    return data('NasDatastoreInfo', { ...common, nas });
  }
  return type === 'vsan'
    ? data('VsanDatastoreInfo', { ...common, membershipUuid: uuid })
    : data('DatastoreInfo', common);
}

const network = (world: World, ref: Ref, name: string, datacenter: Ref, more: ReadonlyArray<[string, Value]>): Ref => {
  const { store } = world;
  const parent = folderOf(world, datacenter, 'network');
  const common: Array<[string, Value]> = [
    ['name', name],
    ['parent', parent],
    ['overallStatus', 'green'],
    ['configStatus', 'green'],
    ['recentTask', []],
  ];
  store.add({ ref, properties: new Map([...common, ...more]) });
  store.addTo(parent, 'childEntity', ref);
  return ref;
};

const networkSummary = (ref: Ref, name: string): Data =>
  data('NetworkSummary', { network: ref, name, accessible: true, ipPoolName: '' });

const inNetwork = (): Array<[string, Value]> => [
  ['host', []],
  ['vm', []],
];

export function newNetwork(world: World, name: string, datacenter: Ref): Ref {
  const ref = refOf('Network', world.newId('network-'));
  network(world, ref, name, datacenter, [['summary', networkSummary(ref, name)], ...inNetwork()]);
  world.store.addTo(datacenter, 'network', ref);
  return ref;
}

export function newSwitch(world: World, name: string, datacenter: Ref): Ref {
  const ref = refOf('VmwareDistributedVirtualSwitch', world.newId('dvs-'));
  const uuid = `50 ${randomUUID().replaceAll('-', '').slice(2).match(/../g)?.join(' ')}`;
  const config = { uuid, name, numStandalonePorts: 0, numPorts: 8, maxPorts: 2_147_483_647, maxMtu: 1500 };
  return network(world, ref, name, datacenter, [
    ['uuid', uuid],
    ['summary', data('DVSSummary', { name, uuid, numPorts: 8 })],
    ['config', data('VMwareDVSConfigInfo', config)],
    ['portgroup', []],
  ]);
}

export function newPortgroup(world: World, name: string, dvs: Ref, datacenter: Ref, vlanId = 0): Ref {
  const ref = refOf('DistributedVirtualPortgroup', world.newId('dvportgroup-'));
  const vlan = data('VmwareDistributedVirtualSwitchVlanIdSpec', { inherited: false, vlanId });
  const config = data('DVPortgroupConfigInfo', {
    key: ref.value,
    name,
    numPorts: 8,
    distributedVirtualSwitch: dvs,
    defaultPortConfig: data('VMwareDVSPortSetting', { vlan }),
    type: 'earlyBinding',
    uplink: false,
  });
  network(world, ref, name, datacenter, [
    ['summary', networkSummary(ref, name)],
    ['key', ref.value],
    ['config', config],
    ...inNetwork(),
  ]);
  world.store.addTo(dvs, 'portgroup', ref);
  world.store.addTo(datacenter, 'network', ref);
  return ref;
}

/** NSX: known by an id of its own. */
export function newOpaqueNetwork(world: World, name: string, datacenter: Ref): Ref {
  const ref = refOf('OpaqueNetwork', world.newId('network-o'));
  const ids = { opaqueNetworkId: randomUUID(), opaqueNetworkType: 'nsx.LogicalSwitch' };
  const summary = data('OpaqueNetworkSummary', { network: ref, name, accessible: true, ...ids });
  network(world, ref, name, datacenter, [['summary', summary], ...inNetwork()]);
  world.store.addTo(datacenter, 'network', ref);
  return ref;
}
