import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { otherDevices } from '../inventory/devices.ts';
import { smallInventory, type Small } from '../inventory/small.ts';
import { newVm, type VmOptions } from '../inventory/vm.ts';
import { startVsphere, type VsphereSimulator } from '../simulator.ts';
import { VimFault } from '../soap/fault.ts';
import { given, Raw, patience } from '../testing/raw.ts';
import { asText, type Ref } from '../values.ts';

let simulator: VsphereSimulator;
let small: Small;
let raw: Raw;
let vm: Ref;
let count = 0;
const makeVm = (options: Partial<VmOptions> = {}): Ref => {
  count += 1;
  const host = small.hosts[0] ?? { type: '', value: '' };
  return newVm(simulator.world, { name: `test-${count}`, folder: small.vmFolder, pool: small.pool, host, ...options });
};
beforeAll(async () => {
  simulator = await startVsphere();
  small = smallInventory(simulator.world, 0);
  raw = new Raw(simulator);
  await raw.login();
});
beforeEach(() => {
  vm = makeVm();
});
afterAll(() => simulator[Symbol.asyncDispose]());

const read = (path: string, ref: Ref = vm): string => asText(simulator.world.store.read(ref, path)) ?? '';
const takeSnapshot = '<name>ours</name><memory>false</memory><quiesce>true</quiesce>';

describe('power', () => {
  it('goes on and off by tasks, and not twice', async () => {
    expect(await raw.task(vm, 'PowerOnVM_Task')).toMatchObject({ state: 'success' });
    expect(read('runtime.powerState')).toBe('poweredOn');
    expect(read('summary.runtime.powerState')).toBe('poweredOn');
    expect(await raw.task(vm, 'PowerOnVM_Task')).toMatchObject({ state: 'refused', fault: 'InvalidPowerState' });
    expect(await raw.task(vm, 'PowerOffVM_Task')).toMatchObject({ state: 'success' });
    expect(read('runtime.powerState')).toBe('poweredOff');
  });

  it('a guest with tools shuts down some time later, one without cannot, one may never', async () => {
    const without = makeVm({ tools: 'none', power: 'poweredOn' });
    expect(await raw.call(without, 'ShutdownGuest')).toMatchObject({ fault: 'ToolsUnavailable' });
    expect(await raw.call(vm, 'ShutdownGuest')).toMatchObject({ fault: 'InvalidPowerState' });
    const running = makeVm({ power: 'poweredOn' });
    expect((await raw.call(running, 'ShutdownGuest')).status).toBe(200);
    expect(read('runtime.powerState', running)).toBe('poweredOn');
    await expect.poll(() => read('runtime.powerState', running), patience).toBe('poweredOff');
    simulator.world.settings.shutdownMs = null;
    const stubborn = makeVm({ power: 'poweredOn' });
    expect((await raw.call(stubborn, 'ShutdownGuest')).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(read('runtime.powerState', stubborn)).toBe('poweredOn');
    simulator.world.settings.shutdownMs = 50;
  });
});

describe('tasks', () => {
  it('fail on demand: the second one of this VM, in the task or in the call', async () => {
    const fault = new VimFault('GenericVmConfigFault', 'no space', { reason: 'no space' });
    simulator.world.rules.add({ method: 'CreateSnapshot_Task', object: vm.value, nth: 2, times: 1, fault });
    expect(await raw.task(vm, 'CreateSnapshot_Task', takeSnapshot)).toMatchObject({ state: 'success' });
    expect(await raw.task(vm, 'CreateSnapshot_Task', takeSnapshot)).toMatchObject({
      state: 'error',
      fault: 'GenericVmConfigFault',
    });
    expect(await raw.task(vm, 'CreateSnapshot_Task', takeSnapshot)).toMatchObject({ state: 'success' });
    const end = simulator.world.rules.add({ method: 'PowerOnVM_Task', where: 'call', fault });
    expect(await raw.task(vm, 'PowerOnVM_Task')).toMatchObject({ state: 'refused', fault: 'GenericVmConfigFault' });
    end();
  });

  it('one at a time on a VM, and a long one can be canceled', async () => {
    simulator.world.rules.add({ method: 'PowerOnVM_Task', object: vm.value, delayMs: 60_000 });
    const task = { type: 'Task', value: (await raw.call(vm, 'PowerOnVM_Task')).returned[0]?.text ?? '' };
    expect(await raw.call(vm, 'CreateSnapshot_Task', takeSnapshot)).toMatchObject({ fault: 'TaskInProgress' });
    await expect.poll(() => read('info.state', task), patience).toBe('running');
    expect((await raw.call(task, 'CancelTask')).status).toBe(200);
    await expect.poll(() => read('info.state', task), patience).toBe('error');
    expect(read('runtime.powerState')).toBe('poweredOff');
    expect(await raw.task(vm, 'CreateSnapshot_Task', takeSnapshot)).toMatchObject({ state: 'success' });
  });
});

describe('snapshots', () => {
  it('the disk goes on in a delta, and comes back when the snapshot is removed', async () => {
    const base = read('config.hardware.device[2000].backing.fileName');
    const { result } = await raw.task(vm, 'CreateSnapshot_Task', takeSnapshot);
    const snapshot = { type: 'VirtualMachineSnapshot', value: result };
    expect(read('config.hardware.device[2000].backing.fileName')).toBe(base.replace('.vmdk', '-000001.vmdk'));
    expect(read('config.hardware.device[2000].backing.parent.fileName')).toBe(base);
    expect(read('config.hardware.device[2000].backing.fileName', snapshot)).toBe(base);
    await simulator.world.disks.write(vm, 2000, 4096, Buffer.from('written after the snapshot'));
    const under = await simulator.world.disks.layerAt(base)?.read(4096, 26);
    expect(under?.every((byte) => byte === 0)).toBe(true);
    const second = await raw.task(vm, 'CreateSnapshot_Task', takeSnapshot);
    expect(read('config.hardware.device[2000].backing.fileName')).toBe(base.replace('.vmdk', '-000002.vmdk'));
    const newer = { type: 'VirtualMachineSnapshot', value: second.result };
    const keep = '<removeChildren>false</removeChildren>';
    expect(await raw.task(snapshot, 'RemoveSnapshot_Task', keep)).toMatchObject({ state: 'success' });
    expect(read('config.hardware.device[2000].backing.parent.fileName')).toBe(base);
    expect(read('config.hardware.device[2000].backing.fileName', newer)).toBe(base);
    expect(await raw.task(newer, 'RemoveSnapshot_Task', keep)).toMatchObject({ state: 'success' });
    expect(read('config.hardware.device[2000].backing.fileName')).toBe(base);
    expect(simulator.world.store.read(vm, 'config.hardware.device[2000].backing.parent')).toBeUndefined();
    expect(simulator.world.store.read(vm, 'snapshot')).toBeUndefined();
    expect((await simulator.world.disks.layerAt(base)?.read(4096, 26))?.toString()).toBe('written after the snapshot');
    expect(await raw.call(snapshot, 'RemoveSnapshot_Task', keep)).toMatchObject({ fault: 'ManagedObjectNotFound' });
  });

  it('a consolidation that fails leaves its mark until it is done again', async () => {
    const base = read('config.hardware.device[2000].backing.fileName');
    const { result } = await raw.task(vm, 'CreateSnapshot_Task', takeSnapshot);
    await simulator.world.disks.write(vm, 2000, 0, Buffer.from('later'));
    simulator.world.settings.consolidationFails = true;
    const snapshot = { type: 'VirtualMachineSnapshot', value: result };
    const removed = await raw.task(snapshot, 'RemoveSnapshot_Task', '<removeChildren>false</removeChildren>');
    simulator.world.settings.consolidationFails = false;
    expect(removed).toMatchObject({ state: 'error', fault: 'SnapshotFault' });
    expect(simulator.world.store.read(vm, 'runtime.consolidationNeeded')).toBe(true);
    expect(read('config.hardware.device[2000].backing.fileName')).toContain('-000001.vmdk');
    expect(await raw.task(vm, 'ConsolidateVMDisks_Task')).toMatchObject({ state: 'success' });
    expect(read('config.hardware.device[2000].backing.fileName')).toBe(base);
    expect((await simulator.world.disks.layerAt(base)?.read(0, 5))?.toString()).toBe('later');
  });

  it.each([
    ['a shared bus', { disks: [{ busSharing: 'physicalSharing' as const }] }],
    ['a physical RDM', { disks: [{ rdm: 'physicalMode' as const }] }],
    [
      'a passthrough device that runs',
      { devices: [otherDevices['pci']].filter((each) => each !== undefined), power: 'poweredOn' as const },
    ],
  ])('none of %s', async (_what, options) => {
    const odd = makeVm(options);
    expect(await raw.call(odd, 'CreateSnapshot_Task', takeSnapshot)).toMatchObject({
      fault: 'SnapshotIncompatibleDeviceInVm',
    });
  });

  it('an independent disk is left alone', async () => {
    const mixed = makeVm({ disks: [{}, { mode: 'independent_persistent' }] });
    await raw.task(mixed, 'CreateSnapshot_Task', takeSnapshot);
    expect(read('config.hardware.device[2000].backing.fileName', mixed)).toContain('-000001.vmdk');
    expect(read('config.hardware.device[2001].backing.fileName', mixed)).not.toContain('-000001.vmdk');
  });

  it('asked to be quiesced without tools, it falls back without a word', async () => {
    await raw.task(vm, 'CreateSnapshot_Task', takeSnapshot);
    const trees = simulator.world.store.read(vm, 'snapshot.rootSnapshotList');
    expect(trees).toMatchObject([{ name: 'ours', quiesced: false }]);
    const running = makeVm({ power: 'poweredOn' });
    await raw.task(running, 'CreateSnapshot_Task', takeSnapshot);
    expect(simulator.world.store.read(running, 'snapshot.rootSnapshotList')).toMatchObject([{ quiesced: true }]);
  });

  it('reverting goes back to what was', async () => {
    await simulator.world.disks.write(vm, 2000, 0, Buffer.from('before'));
    const { result } = await raw.task(vm, 'CreateSnapshot_Task', takeSnapshot);
    await simulator.world.disks.write(vm, 2000, 0, Buffer.from('after!'));
    const snapshot = { type: 'VirtualMachineSnapshot', value: result };
    expect(await raw.task(snapshot, 'RevertToSnapshot_Task')).toMatchObject({ state: 'success' });
    expect((await simulator.world.disks.find(vm, 2000)?.live.read(0, 6))?.toString()).toBe('before');
  });
});

describe('what comes, goes and changes', () => {
  it('made, renamed, cloned, made a template, migrated, destroyed', async () => {
    const pool = given('pool', small.pool);
    const config = '<config><name>made here</name><numCPUs>4</numCPUs><memoryMB>512</memoryMB></config>';
    const made = await raw.task(small.vmFolder, 'CreateVM_Task', config + pool);
    const ref = { type: 'VirtualMachine', value: made.result };
    expect(simulator.world.store.read(ref, 'config.hardware.numCPU')).toBe(4);
    expect(await raw.task(small.vmFolder, 'CreateVM_Task', config + pool)).toMatchObject({ fault: 'DuplicateName' });
    expect(await raw.task(ref, 'Rename_Task', '<newName>another %2f name</newName>')).toMatchObject({
      state: 'success',
    });
    expect(read('summary.config.name', ref)).toBe('another %2f name');
    const host = small.hosts[1] ?? vm;
    const priority = '<priority>defaultPriority</priority>';
    expect(await raw.task(ref, 'MigrateVM_Task', given('host', host) + priority)).toMatchObject({ state: 'success' });
    expect(simulator.world.store.read(ref, 'runtime.host')).toMatchObject(host);
    expect((await raw.call(ref, 'MarkAsTemplate')).status).toBe(200);
    expect(simulator.world.store.read(ref, 'resourcePool')).toBeUndefined();
    expect(await raw.call(ref, 'PowerOnVM_Task')).toMatchObject({ fault: 'NotSupported' });
    await simulator.world.disks.write(vm, 2000, 70_000, Buffer.from('cloned'));
    const spec = '<spec><location/><template>false</template><powerOn>false</powerOn></spec>';
    const clone = await raw.task(vm, 'CloneVM_Task', `${given('folder', small.vmFolder)}<name>clone</name>${spec}`);
    const cloned = { type: 'VirtualMachine', value: clone.result };
    expect((await simulator.world.disks.find(cloned, 2000)?.live.read(70_000, 6))?.toString()).toBe('cloned');
    expect(read('config.instanceUuid', cloned)).not.toBe(read('config.instanceUuid'));
    expect(await raw.task(ref, 'Destroy_Task')).toMatchObject({ state: 'success' });
    expect(await raw.call(ref, 'Destroy_Task')).toMatchObject({ fault: 'ManagedObjectNotFound' });
  });
});
