/** From a VirtualMachine with its properties to a VM of ours. Pure. */
import { emptyVm } from '../../../model/empty-vm.ts';
import type { InventoryObject, InventoryVm } from '../../../model/inventory.ts';
import type { Vim } from '../vim25/schema.ts';
import { devicesOf } from './devices.ts';
import { disksOf } from './disks.ts';
import { factsOf } from './facts.ts';
import { ipsOf, nicsOf } from './nics.ts';
import { nameOf, parentOf } from './names.ts';
import type { Places } from './places.ts';
import { powerOf } from './power.ts';
import type { Props } from './props.ts';
import { snapshotsOf } from './snapshots.ts';

export function vmObject(vm: Props<'VirtualMachine'>, places: Places, tags: readonly string[]): InventoryObject {
  const parent = parentOf(vm) ?? vm.get('parentVApp')?.value;
  const instance = vm.get('config.instanceUuid') ?? '';
  return {
    kind: 'vm',
    ref: vm.ref.value,
    name: nameOf(vm),
    stableId: instance === '' ? null : instance.toLowerCase(),
    parentRef: places.shownParent(parent),
    data: vmData(vm, places, places.path(parent), tags),
  };
}

function vmData(vm: Props<'VirtualMachine'>, places: Places, folder: string, tags: readonly string[]): InventoryVm {
  const hardware = vm.get('config.hardware');
  const devices = hardware?.device ?? [];
  const guestNics = vm.get('guest.net') ?? [];
  const extraConfig = textOptions(vm.get('config.extraConfig') ?? []);
  const hostRef = vm.get('runtime.host')?.value ?? null;
  const cluster = places.clusterOf(hostRef ?? undefined);
  const changeTracking = vm.get('config.changeTrackingEnabled') ?? null;
  return {
    ...emptyVm,
    // A VM that its host cannot read has a state and a place, and nothing else.
    detail: hardware === undefined ? 'summary' : 'full',
    power: powerOf(vm.get('runtime.powerState')),
    connection: vm.get('runtime.connectionState') ?? '',
    template: vm.get('config.template') ?? false,
    hostRef,
    host: places.name(hostRef ?? undefined),
    clusterRef: cluster?.ref.value ?? null,
    cluster: cluster === null ? null : nameOf(cluster),
    folder,
    cpus: hardware?.numCPU ?? 0,
    coresPerSocket: hardware?.numCoresPerSocket ?? 0,
    memoryBytes: (hardware?.memoryMB ?? 0) * 1024 * 1024,
    origin: 'vmware',
    firmware: firmwareOf(vm.get('config.firmware')),
    secureBoot: vm.get('config.bootOptions')?.efiSecureBootEnabled ?? false,
    os: { id: vm.get('config.guestId') ?? '', name: vm.get('config.guestFullName') ?? '' },
    uuid: vm.get('config.uuid')?.toLowerCase() ?? null,
    hardwareVersion: vm.get('config.version') ?? '',
    description: vm.get('config.annotation') ?? '',
    tools: toolsOf(vm.get('guest.toolsRunningStatus'), vm.get('guest.toolsVersionStatus2')),
    hostname: vm.get('guest.hostName') ?? null,
    ips: [
      ...new Set([
        ...guestNics.flatMap(ipsOf),
        ...(vm.get('guest.ipAddress') === undefined ? [] : [vm.get('guest.ipAddress') ?? '']),
      ]),
    ],
    changeTracking,
    disks: disksOf({ devices, extraConfig, changeTracking, layout: vm.get('layoutEx'), places }),
    nics: nicsOf(devices, guestNics, places),
    snapshots: snapshotsOf(vm.get('snapshot')),
    devices: devicesOf(devices),
    tags: [...tags],
    facts: factsOf(vm, extraConfig, places),
  };
}

/** Names in lower case: they are told apart by nobody's case. */
function textOptions(options: readonly Vim<'OptionValue'>[]): ReadonlyMap<string, string> {
  return new Map(
    options.flatMap(({ key, value }) =>
      typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number'
        ? [[key.toLowerCase(), String(value)] as const]
        : [],
    ),
  );
}

function firmwareOf(firmware: string | undefined): InventoryVm['firmware'] {
  return firmware === 'efi' || firmware === 'bios' ? firmware : null;
}

function toolsOf(running: string | undefined, version: string | undefined): InventoryVm['tools'] {
  if (running === 'guestToolsRunning' || running === 'guestToolsExecutingScripts') return 'running';
  if (version === 'guestToolsNotInstalled') return 'not-installed';
  return running === 'guestToolsNotRunning' ? 'not-running' : 'unknown';
}
