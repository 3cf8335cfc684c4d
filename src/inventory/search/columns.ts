/**
 * The columns of inventory_vm that follow from the VM alone (its ids and its concerns do not): what fields.ts looks for in
 * the database is written here, and a test compares the two.
 */
import type { VmObject } from '../../concerns/context.ts';
import { usedBytes } from './fields.ts';
import { diskPathsOf, traitsOf } from './traits.ts';

export function columnsOf({ name, data: vm }: VmObject) {
  return {
    name,
    power: vm.power,
    connection: vm.connection,
    template: vm.template,
    host: vm.host,
    cluster: vm.cluster,
    folder: vm.folder,
    os: vm.os.name === '' ? vm.os.id : vm.os.name,
    cpus: vm.cpus,
    memory_bytes: vm.memoryBytes,
    firmware: vm.firmware,
    secure_boot: vm.secureBoot,
    tools: vm.tools,
    hostname: vm.hostname,
    change_tracking: vm.changeTracking,
    uuid: vm.uuid,
    hardware_version: vm.hardwareVersion,
    disk_count: vm.disks.length,
    disk_bytes: vm.disks.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0),
    used_bytes: usedBytes(vm.disks),
    snapshot_count: vm.snapshots.length,
    nic_count: vm.nics.length,
    disk_sizes: told(vm.disks.map(({ sizeBytes }) => sizeBytes)),
    networks: told(vm.nics.map(({ network }) => network)),
    storages: told(vm.disks.map(({ storage }) => storage)),
    macs: told(vm.nics.map(({ mac }) => mac)),
    ips: [...vm.ips],
    tags: [...vm.tags],
    traits: traitsOf(vm),
    disk_paths: diskPathsOf(vm),
  };
}

/** Each once. */
function told<T>(values: readonly (T | null)[]): T[] {
  return [...new Set(values.filter((value): value is T => value !== null))];
}
