/** A VM from compact options: all properties a vCenter has of one, consistent with each other. */
import { randomUUID } from 'node:crypto';
import { devices, type DiskOptions, type NicOptions } from './devices.ts';
import { guestInfo, type GuestOptions } from './guest.ts';
import { layoutOf } from './layout.ts';
import { attachDisks } from '../vm/reconfigure.ts';
import { asData, asList, asNumber, asText, data, isData, refOf, type Data, type Ref, type Value } from '../values.ts';
import type { World } from '../world.ts';

export type VmOptions = GuestOptions & {
  readonly name: string;
  readonly folder: Ref;
  readonly pool: Ref;
  readonly host: Ref;
  readonly datastore?: Ref;
  readonly cpus?: number;
  readonly coresPerSocket?: number;
  readonly memoryMb?: number;
  readonly disks?: readonly DiskOptions[];
  readonly nics?: readonly NicOptions[];
  /** More devices, ready made: see `otherDevices`. */
  readonly devices?: readonly Data[];
  readonly power?: 'poweredOn' | 'poweredOff' | 'suspended';
  readonly connection?: string;
  readonly firmware?: 'bios' | 'efi';
  readonly secureBoot?: boolean;
  readonly guestId?: string;
  readonly guestName?: string;
  readonly hardwareVersion?: number;
  readonly uuid?: string;
  readonly instanceUuid?: string;
  readonly annotation?: string;
  readonly template?: boolean;
  readonly changeTracking?: boolean;
  readonly extraConfig?: Readonly<Record<string, string>>;
  /** Any other property, by its path, on top of what the rest says. */
  readonly set?: Readonly<Record<string, Value>>;
};

/** Adds the VM to the inventory; its disks are empty until something writes to them. */
export function newVm(world: World, options: VmOptions): Ref {
  const { store } = world;
  const ref = refOf('VirtualMachine', world.newId('vm-'));
  const datastore = options.datastore ?? firstOf(world, options.host, 'datastore');
  const datastoreName = datastore === undefined ? 'datastore1' : (asText(store.read(datastore, 'name')) ?? '');
  const config = configOf(world, ref, options, datastore, datastoreName);
  const runtime = data('VirtualMachineRuntimeInfo', {
    host: options.host,
    connectionState: options.connection ?? 'connected',
    powerState: options.power ?? 'poweredOff',
    faultToleranceState: 'notConfigured',
    toolsInstallerMounted: false,
    numMksConnections: 0,
    onlineStandby: false,
    consolidationNeeded: false,
    paused: false,
    snapshotInBackground: false,
  });
  const networks = networksOf(options);
  const properties = new Map<string, Value>([
    ['name', options.name],
    ['parent', options.folder],
    ['config', config],
    ['runtime', runtime],
    ['guest', guestInfo(options, config)],
    ['layoutEx', layoutOf(config, world.now())],
    ['summary', summaryOf(ref, options, config, runtime)],
    ['overallStatus', 'green'],
    ['configStatus', 'green'],
    ['guestHeartbeatStatus', 'gray'],
    ['recentTask', []],
    ['network', networks],
    ['datastore', datastore === undefined ? [] : [datastore]],
  ]);
  if (options.template !== true) properties.set('resourcePool', options.pool);
  store.add({ ref, properties });
  store.addTo(options.folder, 'childEntity', ref);
  store.addTo(options.host, 'vm', ref);
  if (options.template !== true) store.addTo(options.pool, 'vm', ref);
  if (datastore !== undefined) store.addTo(datastore, 'vm', ref);
  for (const network of networks) store.addTo(network, 'vm', ref);
  attachDisks(world, ref);
  for (const [path, value] of Object.entries(options.set ?? {})) store.set(ref, path, value);
  return ref;
}

function networksOf({ nics = [] }: VmOptions): Ref[] {
  const networks = nics.map(({ network }) => network).filter((network) => network !== undefined);
  return [...new Map(networks.map((network) => [network.value, network])).values()];
}

const firstOf = ({ store }: World, ref: Ref, property: string): Ref | undefined => {
  const first = asList(store.read(ref, property))[0];
  return first === undefined || typeof first !== 'object' || !('value' in first) ? undefined : (first as Ref);
};

function configOf(world: World, ref: Ref, options: VmOptions, datastore: Ref | undefined, datastoreName: string): Data {
  const { name } = options;
  const number = Number(ref.value.slice('vm-'.length));
  const device = devices({
    vmName: name,
    datastore,
    datastoreName,
    disks: options.disks ?? [{}],
    nics: options.nics ?? [],
    extra: options.devices ?? [],
    nicBacking: (network) => nicBacking(world, network),
    macOf: (index) => macOf(number * 8 + index),
  });
  const extraConfig = Object.entries(options.extraConfig ?? {}).map(([key, value]) =>
    data('OptionValue', { key, value }),
  );
  return data('VirtualMachineConfigInfo', {
    changeVersion: '2026-01-15T10:00:00.000000Z',
    modified: '1970-01-01T00:00:00Z',
    name,
    guestFullName: options.guestName ?? 'Debian GNU/Linux 12 (64-bit)',
    version: `vmx-${String(options.hardwareVersion ?? 19).padStart(2, '0')}`,
    uuid: options.uuid ?? `42${randomUUID().slice(2)}`,
    createDate: '2026-01-15T10:00:00.000000Z',
    instanceUuid: options.instanceUuid ?? `50${randomUUID().slice(2)}`,
    template: options.template ?? false,
    guestId: options.guestId ?? 'debian12_64Guest',
    alternateGuestName: '',
    annotation: options.annotation,
    files: data('VirtualMachineFileInfo', {
      vmPathName: `[${datastoreName}] ${name}/${name}.vmx`,
      snapshotDirectory: `[${datastoreName}] ${name}/`,
      suspendDirectory: `[${datastoreName}] ${name}/`,
      logDirectory: `[${datastoreName}] ${name}/`,
    }),
    flags: data('VirtualMachineFlagInfo', { enableLogging: true, diskUuidEnabled: false, vbsEnabled: false }),
    defaultPowerOps: data('VirtualMachineDefaultPowerOpInfo', { powerOffType: 'soft', standbyAction: 'checkpoint' }),
    hardware: data('VirtualHardware', {
      numCPU: options.cpus ?? 2,
      numCoresPerSocket: options.coresPerSocket ?? 1,
      memoryMB: options.memoryMb ?? 2048,
      virtualICH7MPresent: false,
      virtualSMCPresent: false,
      device,
    }),
    memoryHotAddEnabled: false,
    cpuHotAddEnabled: false,
    cpuHotRemoveEnabled: false,
    extraConfig: [data('OptionValue', { key: 'nvram', value: `${name}.nvram` }), ...extraConfig],
    swapPlacement: 'inherit',
    bootOptions: data('VirtualMachineBootOptions', { bootDelay: 0, efiSecureBootEnabled: options.secureBoot ?? false }),
    changeTrackingEnabled: options.changeTracking ?? false,
    firmware: options.firmware ?? 'bios',
    nestedHVEnabled: false,
    vPMCEnabled: false,
  });
}

/** Standard, distributed or opaque: the backing says which. */
export function nicBacking({ store }: World, network: Ref | undefined): Data {
  if (network?.type === 'DistributedVirtualPortgroup') {
    const dvs = store.read(network, 'config.distributedVirtualSwitch');
    const switchUuid =
      isData(dvs) || typeof dvs !== 'object' || !('value' in dvs) ? '' : asText(store.read(dvs as Ref, 'uuid'));
    const port = data('DistributedVirtualSwitchPortConnection', {
      switchUuid: switchUuid ?? '',
      portgroupKey: network.value,
      portKey: '8',
      connectionCookie: 1,
    });
    return data('VirtualEthernetCardDistributedVirtualPortBackingInfo', { port });
  }
  if (network?.type === 'OpaqueNetwork') {
    return data('VirtualEthernetCardOpaqueNetworkBackingInfo', {
      opaqueNetworkId: store.read(network, 'summary.opaqueNetworkId'),
      opaqueNetworkType: store.read(network, 'summary.opaqueNetworkType'),
    });
  }
  const deviceName = network === undefined ? 'VM Network' : asText(store.read(network, 'name'));
  return data('VirtualEthernetCardNetworkBackingInfo', { deviceName, useAutoDetect: false, network });
}

/** VMware's own prefix of assigned addresses. */
const macOf = (number: number): string =>
  `00:50:56:${[0x80 + ((number >> 16) & 0x3f), (number >> 8) & 0xff, number & 0xff]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join(':')}`;

function summaryOf(ref: Ref, options: VmOptions, config: Data, runtime: Data): Data {
  const all = asList(asData(config['hardware'])?.['device']).filter(isData);
  const disks = all.filter(({ _type }) => _type === 'VirtualDisk');
  const uncommitted = disks.reduce((sum, disk) => sum + (asNumber(disk['capacityInBytes']) ?? 0), 0);
  return data('VirtualMachineSummary', {
    vm: ref,
    runtime,
    config: data('VirtualMachineConfigSummary', {
      name: options.name,
      template: options.template ?? false,
      vmPathName: asText(asData(config['files'])?.['vmPathName']) ?? '',
      memorySizeMB: options.memoryMb ?? 2048,
      numCpu: options.cpus ?? 2,
      numEthernetCards: (options.nics ?? []).length,
      numVirtualDisks: disks.length,
      uuid: config['uuid'],
      instanceUuid: config['instanceUuid'],
      guestId: config['guestId'],
      guestFullName: config['guestFullName'],
      annotation: options.annotation,
    }),
    storage: data('VirtualMachineStorageSummary', {
      committed: 2048,
      uncommitted,
      unshared: 2048,
      timestamp: '2026-01-15T10:00:00.000000Z',
    }),
    quickStats: data('VirtualMachineQuickStats', { guestHeartbeatStatus: 'gray' }),
    overallStatus: 'green',
  });
}
