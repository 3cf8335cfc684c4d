/** Where VMs live: datacenters, folders, clusters, hosts, resource pools. */
import { randomUUID } from 'node:crypto';
import { about } from '../product.ts';
import { asRef, data, refOf, type Data, type Ref, type Value } from '../values.ts';
import type { World } from '../world.ts';
import { rootFolder } from './service.ts';

const entity = (name: string, parent: Ref): Array<[string, Value]> => [
  ['name', name],
  ['parent', parent],
  ['overallStatus', 'green'],
  ['configStatus', 'green'],
  ['recentTask', []],
];

export function newFolder(
  world: World,
  name: string,
  parent: Ref,
  childType: readonly string[] = ['Folder', 'VirtualMachine'],
): Ref {
  const ref = refOf('Folder', world.newId('group-v'));
  world.store.add({
    ref,
    properties: new Map([...entity(name, parent), ['childType', childType], ['childEntity', []]]),
  });
  if (world.store.read(parent, 'childEntity') !== undefined) world.store.addTo(parent, 'childEntity', ref);
  return ref;
}

/** With its four folders, named as they always are. */
export function newDatacenter(world: World, name: string, parent: Ref = rootFolder(world.product)): Ref {
  const ref = world.product.vcenter
    ? refOf('Datacenter', world.newId('datacenter-'))
    : refOf('Datacenter', 'ha-datacenter');
  const { store } = world;
  store.add({ ref, properties: new Map([...entity(name, parent), ['datastore', []], ['network', []]]) });
  store.addTo(parent, 'childEntity', ref);
  const folders: ReadonlyArray<readonly [string, string, readonly string[]]> = [
    ['vmFolder', 'vm', ['Folder', 'VirtualMachine', 'VirtualApp']],
    ['hostFolder', 'host', ['Folder', 'ComputeResource']],
    ['datastoreFolder', 'datastore', ['Folder', 'Datastore']],
    ['networkFolder', 'network', ['Folder', 'Network', 'DistributedVirtualSwitch']],
  ];
  for (const [property, folder, types] of folders) store.set(ref, property, newFolder(world, folder, ref, types));
  return ref;
}

/** One of a datacenter's four folders. */
export function folderOf(world: World, datacenter: Ref, which: 'vm' | 'host' | 'datastore' | 'network'): Ref {
  const found = asRef(world.store.read(datacenter, `${which}Folder`));
  if (found === undefined) throw new Error(`${datacenter.value} has no folder ${which}`);
  return found;
}

export type ClusterOptions = {
  readonly ha?: boolean;
  readonly drs?: 'manual' | 'partiallyAutomated' | 'fullyAutomated' | null;
  readonly dpm?: boolean;
  readonly rules?: readonly Data[];
  readonly groups?: readonly Data[];
};

export function newCluster(world: World, name: string, datacenter: Ref, options: ClusterOptions = {}): Ref {
  const drsConfig = data('ClusterDrsConfigInfo', {
    enabled: options.drs != null,
    enableVmBehaviorOverrides: true,
    defaultVmBehavior: options.drs ?? 'manual',
    vmotionRate: 3,
  });
  const dasConfig = data('ClusterDasConfigInfo', { enabled: options.ha ?? false, hostMonitoring: 'enabled' });
  const shared = { dasConfig, drsConfig, rule: options.rules };
  return compute(world, 'ClusterComputeResource', name, datacenter, [
    ['configuration', data('ClusterConfigInfo', shared)],
    [
      'configurationEx',
      data('ClusterConfigInfoEx', {
        ...shared,
        vmSwapPlacement: 'vmDirectory',
        dpmConfigInfo: data('ClusterDpmConfigInfo', { enabled: options.dpm ?? false }),
        group: options.groups,
      }),
    ],
  ]);
}

function compute(world: World, type: string, name: string, datacenter: Ref, more: ReadonlyArray<[string, Value]>): Ref {
  const { store, product } = world;
  const parent = folderOf(world, datacenter, 'host');
  const prefix = type === 'ClusterComputeResource' ? 'domain-c' : 'domain-s';
  const ref = refOf(type, product.vcenter ? world.newId(prefix) : 'ha-compute-res');
  const pool = refOf('ResourcePool', product.vcenter ? world.newId('resgroup-') : 'ha-root-pool');
  const summary = data(type === 'ClusterComputeResource' ? 'ClusterComputeResourceSummary' : 'ComputeResourceSummary', {
    totalCpu: 0,
    totalMemory: 0,
    numCpuCores: 0,
    numCpuThreads: 0,
    effectiveCpu: 0,
    effectiveMemory: 0,
    numHosts: 0,
    numEffectiveHosts: 0,
    overallStatus: 'green',
    ...(type === 'ClusterComputeResource' ? { currentFailoverLevel: 0, numVmotions: 0 } : {}),
  });
  store.add({
    ref,
    properties: new Map([
      ...entity(name, parent),
      ['resourcePool', pool],
      ['host', []],
      ['datastore', []],
      ['network', []],
      ['summary', summary],
      ...more,
    ]),
  });
  store.addTo(parent, 'childEntity', ref);
  const inPool: Array<[string, Value]> = [
    ['owner', ref],
    ['resourcePool', []],
    ['vm', []],
  ];
  store.add({ ref: pool, properties: new Map([...entity('Resources', ref), ...inPool]) });
  return ref;
}

export function newPool(world: World, name: string, parent: Ref): Ref {
  const ref = refOf('ResourcePool', world.newId('resgroup-'));
  const owner = asRef(world.store.read(parent, 'owner')) ?? parent;
  const inPool: Array<[string, Value]> = [
    ['owner', owner],
    ['resourcePool', []],
    ['vm', []],
  ];
  world.store.add({ ref, properties: new Map([...entity(name, parent), ...inPool]) });
  world.store.addTo(parent, 'resourcePool', ref);
  return ref;
}

/** The pool that a cluster or a host on its own begins with. */
export function poolOf(world: World, computeResource: Ref): Ref {
  const found = asRef(world.store.read(computeResource, 'resourcePool'));
  if (found === undefined) throw new Error(`${computeResource.value} has no resource pool`);
  return found;
}

export type HostOptions = {
  readonly connection?: 'connected' | 'notResponding' | 'disconnected';
  readonly maintenance?: boolean;
  readonly memoryBytes?: number;
  readonly cores?: number;
};

/** In a cluster, or in a datacenter as a host on its own. */
export function newHost(world: World, name: string, where: Ref, options: HostOptions = {}): Ref {
  const { store, product } = world;
  const owner = where.type === 'Datacenter' ? compute(world, 'ComputeResource', name, where, []) : where;
  const ref = refOf('HostSystem', product.vcenter ? world.newId('host-') : 'ha-host');
  const uuid = randomUUID();
  const esxi = about({ ...product, vcenter: false });
  const memory = options.memoryBytes ?? 256 * 1024 ** 3;
  const cores = options.cores ?? 32;
  const runtime = data('HostRuntimeInfo', {
    connectionState: options.connection ?? 'connected',
    powerState: 'poweredOn',
    standbyMode: 'none',
    inMaintenanceMode: options.maintenance ?? false,
    bootTime: '2026-01-01T00:00:00Z',
  });
  const hardware = data('HostHardwareSummary', {
    vendor: 'Dell Inc.',
    model: 'PowerEdge R650',
    uuid,
    memorySize: memory,
    cpuModel: 'Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz',
    cpuMhz: 2000,
    numCpuPkgs: 2,
    numCpuCores: cores,
    numCpuThreads: cores * 2,
    numNics: 4,
    numHBAs: 3,
  });
  const summary = data('HostListSummary', {
    host: ref,
    hardware,
    runtime,
    config: data('HostConfigSummary', {
      name,
      port: 443,
      product: esxi,
      vmotionEnabled: true,
      faultToleranceEnabled: false,
    }),
    quickStats: data('HostListSummaryQuickStats', { overallCpuUsage: 100, overallMemoryUsage: 4096, uptime: 86_400 }),
    overallStatus: 'green',
    rebootRequired: false,
  });
  const config = data('HostConfigInfo', { host: ref, product: esxi, network: hostNetwork(name) });
  const systemInfo = data('HostSystemInfo', { vendor: 'Dell Inc.', model: 'PowerEdge R650', uuid });
  store.add({
    ref,
    properties: new Map<string, Value>([
      ...entity(name, owner),
      ['runtime', runtime],
      ['summary', summary],
      ['hardware', data('HostHardwareInfo', { systemInfo, memorySize: memory })],
      ['config', config],
      ['vm', []],
      ['datastore', []],
      ['network', []],
    ]),
  });
  store.addTo(owner, 'host', ref);
  return ref;
}

const hostNetwork = (name: string): Data =>
  data('HostNetworkInfo', {
    vswitch: [
      data('HostVirtualSwitch', {
        name: 'vSwitch0',
        key: 'key-vim.host.VirtualSwitch-vSwitch0',
        numPorts: 2560,
        numPortsAvailable: 2500,
        mtu: 1500,
      }),
    ],
    pnic: [
      data('PhysicalNic', {
        key: 'key-vim.host.PhysicalNic-vmnic0',
        device: 'vmnic0',
        pci: '0000:0b:00.0',
        driver: 'ixgben',
        linkSpeed: data('PhysicalNicLinkInfo', { speedMb: 10_000, duplex: true }),
        mac: `24:6e:96:${String(name.length % 100).padStart(2, '0')}:00:01`,
      }),
    ],
    vnic: [
      data('HostVirtualNic', {
        device: 'vmk0',
        key: 'key-vim.host.VirtualNic-vmk0',
        portgroup: 'Management Network',
        spec: data('HostVirtualNicSpec', {
          ip: data('HostIpConfig', { dhcp: false, ipAddress: '192.0.2.10', subnetMask: '255.255.255.0' }),
          mtu: 1500,
        }),
      }),
    ],
  });
