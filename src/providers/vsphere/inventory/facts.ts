/** The facts of a VM that only vSphere has, under the names of src/concerns/facts.ts. What is not known is left out. */
import type { InventoryVm } from '../../../model/inventory.ts';
import type { Vim } from '../vim25/schema.ts';
import { sharedBuses } from './devices.ts';
import type { Places } from './places.ts';
import type { Props } from './props.ts';

type Value = InventoryVm['facts'][string];

export function factsOf(
  vm: Props<'VirtualMachine'>,
  extraConfig: ReadonlyMap<string, string>,
  places: Places,
): Record<string, Value> {
  const hasConfig = vm.get('config.hardware') !== undefined;
  /** Not there means no only where the configuration could be read at all. */
  const known = <T>(value: T): T | undefined => (hasConfig ? value : undefined);
  const faultTolerance = vm.get('runtime.faultToleranceState');
  const cluster = places.clusterOf(vm.get('runtime.host')?.value);
  const facts: Record<string, Value | undefined> = {
    'vmware.faultTolerance': faultTolerance === undefined ? undefined : faultTolerance !== 'notConfigured',
    'vmware.cpuAffinity': known((vm.get('config.cpuAffinity')?.affinitySet.length ?? 0) > 0),
    'vmware.numaAffinity': known((extraConfig.get('numa.nodeaffinity') ?? '') !== ''),
    'vmware.cpuHotAdd': vm.get('config.cpuHotAddEnabled'),
    'vmware.cpuHotRemove': vm.get('config.cpuHotRemoveEnabled'),
    'vmware.memoryHotAdd': vm.get('config.memoryHotAddEnabled'),
    'vmware.consolidationNeeded': vm.get('runtime.consolidationNeeded'),
    'vmware.question': vm.get('runtime.question')?.text,
    'vmware.diskEnableUuid': known(extraConfig.get('disk.enableuuid')?.toLowerCase() === 'true'),
    'vmware.hostAffinity': cluster === null ? undefined : places.isTiedToHosts(vm.ref.value, cluster),
    'vmware.encrypted': known(vm.get('config.keyId') !== undefined),
    'vmware.vapp': known(vm.get('parentVApp') !== undefined || vm.get('config.vAppConfig') !== undefined),
    'vmware.nestedHypervisor': vm.get('config.nestedHVEnabled'),
    'vmware.busSharing': known(sharedBuses(vm.get('config.hardware')?.device ?? []).join(', ')),
    'vmware.toolsVersion': vm.get('guest.toolsVersionStatus2'),
    'vmware.bootDelayMs': positive(vm.get('config.bootOptions')?.bootDelay),
    'vmware.latencySensitivity': vm.get('config.latencySensitivity')?.level,
    'vmware.changeVersion': vm.get('config.changeVersion'),
    ...guestDisks(vm.get('guest.disk') ?? []),
  };
  const filled: Record<string, Value> = {};
  for (const [name, value] of Object.entries(facts)) if (value !== undefined && value !== '') filled[name] = value;
  return filled;
}

function guestDisks(disks: readonly Vim<'GuestDiskInfo'>[]): Record<string, Value | undefined> {
  return Object.fromEntries(
    disks.slice(0, 256).flatMap(({ diskPath, capacity, freeSpace, mappings }) => {
      if (diskPath === undefined) return [];
      const prefix = `guest.disk.${diskPath}`;
      return [
        [`${prefix}.capacityBytes`, capacity],
        [`${prefix}.freeBytes`, freeSpace],
        [`${prefix}.disk`, mappings.map(({ key }) => String(key)).join(',')],
      ];
    }),
  );
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}
