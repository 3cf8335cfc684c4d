/** What operations on VMs look at. */
import { localized, notFound, VimFault } from '../soap/fault.ts';
import type { Store } from '../store/store.ts';
import { asData, asList, asNumber, asRef, asText, isData, type Data, type Ref } from '../values.ts';
import type { World } from '../world.ts';

export const powerOf = (store: Store, vm: Ref): string => asText(store.read(vm, 'runtime.powerState')) ?? 'poweredOff';

export const devicesOf = (store: Store, vm: Ref): Data[] =>
  asList(store.read(vm, 'config.hardware.device')).filter(isData);

export const disksOf = (store: Store, vm: Ref): Data[] =>
  devicesOf(store, vm).filter(({ _type }) => _type === 'VirtualDisk');

export const keyOfDevice = (device: Data): number => asNumber(device['key']) ?? 0;

export const backingOf = (device: Data): Data | undefined => asData(device['backing']);

export const fileOf = (device: Data): string => asText(backingOf(device)?.['fileName']) ?? '';

/** Snapshots do not touch these, nor does change tracking. */
export const isIndependent = (disk: Data): boolean =>
  (asText(backingOf(disk)?.['diskMode']) ?? '').startsWith('independent');

export const isPhysicalRdm = (disk: Data): boolean => backingOf(disk)?.['compatibilityMode'] === 'physicalMode';

/** Sets the power state wherever it is told. */
export function setPower(world: World, vm: Ref, state: string): void {
  const { store } = world;
  store.set(vm, 'runtime.powerState', state);
  store.set(vm, 'runtime.bootTime', state === 'poweredOn' ? new Date(world.now()).toISOString() : undefined);
  store.set(vm, 'runtime.cleanPowerOff', state === 'poweredOff' ? true : undefined);
  if (store.read(vm, 'summary') !== undefined) store.set(vm, 'summary.runtime', store.read(vm, 'runtime'));
  if (store.read(vm, 'guest') === undefined) return;
  const installed = asText(store.read(vm, 'guest.toolsVersionStatus')) !== 'guestToolsNotInstalled';
  const running = state === 'poweredOn' && installed;
  store.set(vm, 'guest.toolsRunningStatus', running ? 'guestToolsRunning' : 'guestToolsNotRunning');
  store.set(vm, 'guest.toolsStatus', !installed ? 'toolsNotInstalled' : running ? 'toolsOk' : 'toolsNotRunning');
  store.set(vm, 'guest.guestState', running ? 'running' : 'notRunning');
}

/** Summary and configuration say the same of a few things. */
export function mirrorSummary(store: Store, vm: Ref): void {
  const name = asText(store.read(vm, 'config.name')) ?? '';
  store.set(vm, 'name', name);
  if (store.read(vm, 'summary.config') === undefined) return;
  store.set(vm, 'summary.config.name', name);
  store.set(vm, 'summary.config.template', store.read(vm, 'config.template'));
}

/** What an operation on a VM needs before anything: that its host can be reached, and nothing blocks it. */
export function checkReachable(world: World, vm: Ref): void {
  const state = asText(world.store.read(vm, 'runtime.connectionState')) ?? 'connected';
  if (state !== 'connected') {
    throw new VimFault(
      'InvalidState',
      `The operation is not allowed in the current state of the virtual machine (${state}).`,
    );
  }
  if (world.leases.holds(vm)) {
    throw new VimFault('TaskInProgress', 'The operation is not allowed: the virtual machine is being exported.', {
      task: world.leases.holds(vm),
    });
  }
}

/** The VM of a snapshot, which the caller named. */
export function vmOfSnapshot(store: Store, snapshot: Ref): Ref {
  const vm = asRef(store.read(snapshot, 'vm'));
  if (vm === undefined) throw notFound(snapshot);
  return vm;
}

export const vmConfigFault = (reason: string): VimFault => new VimFault('GenericVmConfigFault', reason, { reason });

export const incompatibleDevice = (why: string): VimFault =>
  new VimFault('SnapshotIncompatibleDeviceInVm', `Cannot take a snapshot: ${why}`, {
    fault: localized(vmConfigFault(why)),
  });
