/** ReconfigVM_Task: what we ask for, and a few more that tests of inventories want. */
import { checkReachable, disksOf, fileOf, keyOfDevice, mirrorSummary, powerOf, vmConfigFault } from './vm.ts';
import { asData, asList, asNumber, asText, isData, type Data, type Ref } from '../values.ts';
import { invalidArgument, invalidPowerState } from '../soap/fault.ts';
import type { Handler, World } from '../world.ts';

export const reconfigure: Record<string, Handler> = {
  ReconfigVM_Task(call) {
    const { world, self, args } = call;
    const spec = asData(args['spec']);
    if (spec === undefined) throw invalidArgument('spec');
    checkReachable(world, self.ref);
    const offOnly = ['firmware', 'numCPUs', 'memoryMB', 'numCoresPerSocket'].some((name) => spec[name] !== undefined);
    const power = powerOf(world.store, self.ref);
    if (offOnly && power !== 'poweredOff') throw invalidPowerState('poweredOff', power);
    return world.tasks.start(call, { entity: self.ref, run: () => applySpec(world, self.ref, spec) });
  },
};

/** Fields that stand in the configuration under the same name. */
const plain = ['name', 'guestId', 'annotation', 'uuid', 'instanceUuid', 'firmware', 'changeTrackingEnabled'];

export function applySpec(world: World, vm: Ref, spec: Data): undefined {
  const { store } = world;
  for (const name of plain) if (spec[name] !== undefined) store.set(vm, `config.${name}`, spec[name]);
  const hardware: Array<[string, string]> = [
    ['numCPUs', 'numCPU'],
    ['numCoresPerSocket', 'numCoresPerSocket'],
    ['memoryMB', 'memoryMB'],
  ];
  for (const [from, to] of hardware) if (spec[from] !== undefined) store.set(vm, `config.hardware.${to}`, spec[from]);
  for (const option of asList(spec['extraConfig']).filter(isData)) {
    const key = asText(option['key']) ?? '';
    // An empty value takes the option away.
    store.set(vm, `config.extraConfig["${key}"]`, option['value'] === '' ? undefined : option);
  }
  for (const change of asList(spec['deviceChange']).filter(isData)) changeDevice(world, vm, change);
  store.set(vm, 'config.changeVersion', new Date(world.now()).toISOString());
  mirrorSummary(store, vm);
  return undefined;
}

function changeDevice(world: World, vm: Ref, change: Data): void {
  const { store } = world;
  const device = asData(change['device']);
  if (device === undefined) throw invalidArgument('spec.deviceChange.device');
  const operation = asText(change['operation']);
  const key = keyOfDevice(device);
  const path = `config.hardware.device[${key}]`;
  if (operation === 'add') {
    const added = { ...device, key: key > 0 ? key : freeKey(world, vm) };
    if (device._type === 'VirtualDisk') attachDisk(world, vm, added);
    store.set(vm, `config.hardware.device[${added.key}]`, added);
    return;
  }
  if (store.read(vm, path) === undefined) throw vmConfigFault(`there is no device ${key}`);
  if (operation === 'remove') world.disks.detach(vm, key);
  store.set(vm, path, operation === 'remove' ? undefined : device);
}

const freeKey = (world: World, vm: Ref): number =>
  Math.max(1999, ...asList(world.store.read(vm, 'config.hardware.device')).filter(isData).map(keyOfDevice)) + 1;

/** The image of a disk that is new to a VM: made, or taken when it is there. */
export function attachDisk(world: World, vm: Ref, disk: Data): void {
  const bytes = asNumber(disk['capacityInBytes']) ?? (asNumber(disk['capacityInKB']) ?? 0) * 1024;
  world.disks.attach(vm, keyOfDevice(disk), world.disks.base(fileOf(disk), bytes));
}

export function attachDisks(world: World, vm: Ref): void {
  for (const disk of disksOf(world.store, vm)) attachDisk(world, vm, disk);
}
