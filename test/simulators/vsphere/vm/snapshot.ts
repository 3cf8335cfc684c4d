/** Snapshots: taking one freezes what is there and lets each disk go on in a delta; removing one joins two layers. */
import { applyTracking, showChangeId } from './tracking.ts';
import {
  addNode,
  allOf,
  currentOf,
  depthOf,
  editNode,
  infoOf,
  parentOf,
  removeNode,
  rootsOf,
  subtree,
} from './snapshot-tree.ts';
import {
  checkReachable,
  devicesOf,
  disksOf,
  fileOf,
  incompatibleDevice,
  isIndependent,
  isPhysicalRdm,
  keyOfDevice,
  powerOf,
  vmOfSnapshot,
} from './vm.ts';
import { consolidate, followLayers, joinLayers } from './layers.ts';
import { invalidArgument, notFound, VimFault } from '../soap/fault.ts';
import { asData, asNumber, asText, data, refOf, type Data, type Ref } from '../values.ts';
import { nothing, type Answer, type Call, type Handler, type World } from '../world.ts';

/** 32 in a chain is what vSphere supports. */
const deepest = 32;

export const snapshots: Record<string, Handler> = {
  CreateSnapshot_Task(call) {
    const { world, self, args } = call;
    const vm = self.ref;
    checkReachable(world, vm);
    if (asText(args['name'])?.trim() === '') throw invalidArgument('name');
    checkDevices(world, vm);
    if (depthOf(rootsOf(snapshotInfo(world, vm))) >= deepest) {
      throw new VimFault('TooManySnapshotLevels', 'The maximum number of snapshot levels has been reached.');
    }
    return world.tasks.start(call, { entity: vm, run: () => take(world, vm, args) });
  },

  RemoveSnapshot_Task(call) {
    const { world, self, args } = call;
    const vm = vmOfSnapshot(world.store, self.ref);
    const roots = rootsOf(snapshotInfo(world, vm));
    const doomed = args['removeChildren'] === true ? subtree(roots, self.ref) : [self.ref];
    return startRemoval(call, vm, doomed);
  },

  RemoveAllSnapshots_Task(call) {
    return startRemoval(call, call.self.ref, allOf(rootsOf(snapshotInfo(call.world, call.self.ref))));
  },

  RevertToSnapshot_Task(call) {
    const { world, self } = call;
    const vm = vmOfSnapshot(world.store, self.ref);
    checkReachable(world, vm);
    return world.tasks.start(call, { entity: vm, run: () => revert(world, vm, self.ref) });
  },

  RenameSnapshot({ world, self, args }) {
    const vm = vmOfSnapshot(world.store, self.ref);
    const info = snapshotInfo(world, vm);
    const change = data('VirtualMachineSnapshotTree', { name: args['name'], description: args['description'] });
    world.store.set(vm, 'snapshot', infoOf(editNode(rootsOf(info), self.ref, change), currentOf(info)));
    return nothing;
  },

  ConsolidateVMDisks_Task(call) {
    const { world, self } = call;
    return world.tasks.start(call, {
      entity: self.ref,
      extraMs: world.settings.consolidationMs,
      run: () => consolidate(world, self.ref),
    });
  },
};

const snapshotInfo = (world: World, vm: Ref): Data | undefined => asData(world.store.read(vm, 'snapshot'));

function checkDevices(world: World, vm: Ref): void {
  for (const device of devicesOf(world.store, vm)) {
    const bus = asText(device['sharedBus']);
    if (bus !== undefined && bus !== 'noSharing') throw incompatibleDevice('a controller shares its bus');
    if (device._type === 'VirtualDisk' && isPhysicalRdm(device) && !isIndependent(device)) {
      throw incompatibleDevice('a raw device mapping in physical mode');
    }
    if (device._type.startsWith('VirtualPCIPassthrough') && powerOf(world.store, vm) === 'poweredOn') {
      throw incompatibleDevice('a PCI passthrough device');
    }
  }
}

function take(world: World, vm: Ref, args: Call['args']): Ref {
  const { store } = world;
  applyTracking(world, vm); // the stun at which asked-for tracking begins
  const config = store.read(vm, 'config');
  if (config === undefined) throw notFound(vm);
  const ref = refOf('VirtualMachineSnapshot', world.newId('snapshot-'));
  store.add({
    ref,
    properties: new Map([
      ['config', config],
      ['vm', vm],
    ]),
  });
  for (const disk of disksOf(store, vm).filter((each) => !isIndependent(each))) branch(world, vm, disk);
  const tools = store.read(vm, 'guest.toolsRunningStatus') === 'guestToolsRunning';
  const info = snapshotInfo(world, vm);
  const node = data('VirtualMachineSnapshotTree', {
    snapshot: ref,
    vm,
    name: args['name'],
    description: args['description'] ?? '',
    id: asNumber(Number(ref.value.slice('snapshot-'.length))),
    createTime: new Date(world.now()).toISOString(),
    state: args['memory'] === true ? powerOf(store, vm) : 'poweredOff',
    // Without tools it falls back without a word.
    quiesced: args['quiesce'] === true && tools,
    replaySupported: false,
  });
  const current = currentOf(info);
  store.set(vm, 'snapshot', infoOf(addNode(rootsOf(info), current, node), ref));
  if (current === undefined) store.addTo(vm, 'rootSnapshot', ref);
  else store.addTo(current, 'childSnapshot', ref);
  return ref;
}

/** The disk goes on in `name-000001.vmdk`; what it was becomes that file's parent. */
function branch(world: World, vm: Ref, disk: Data): void {
  const key = keyOfDevice(disk);
  const state = world.disks.find(vm, key);
  const backing = asData(disk['backing']);
  if (state === undefined || backing === undefined) return;
  state.live = world.disks.delta(nextDelta(world, fileOf(disk)), state.live);
  state.tracker?.stun();
  const next = { ...backing, fileName: state.live.path, parent: backing, deltaDiskFormat: 'redoLogFormat' };
  world.store.set(vm, `config.hardware.device[${key}].backing`, next);
  if (state.tracker !== null) showChangeId(world, vm, key);
}

function nextDelta(world: World, file: string): string {
  const base = file.replace(/(-\d{6})?\.vmdk$/, '');
  for (let number = 1; ; number += 1) {
    const path = `${base}-${String(number).padStart(6, '0')}.vmdk`;
    if (world.disks.layerAt(path) === undefined) return path;
  }
}

function startRemoval(call: Call, vm: Ref, doomed: readonly Ref[]): Answer {
  const { world } = call;
  checkReachable(world, vm);
  const { consolidationMs } = world.settings;
  return world.tasks.start(call, {
    entity: vm,
    extraMs: doomed.length === 0 ? 0 : consolidationMs,
    async run() {
      const { consolidationFails } = world.settings;
      for (const snapshot of doomed) await removeOne(world, vm, snapshot, consolidationFails);
      if (consolidationFails && doomed.length > 0) {
        world.store.set(vm, 'runtime.consolidationNeeded', true);
        const message = 'An error occurred while consolidating disks: msg.snapshot.error-DELETE.';
        throw new VimFault('SnapshotFault', message);
      }
      return undefined;
    },
  });
}

async function removeOne(world: World, vm: Ref, snapshot: Ref, leaveDisks: boolean): Promise<void> {
  const { store } = world;
  const info = snapshotInfo(world, vm);
  const parent = parentOf(rootsOf(info), snapshot);
  const roots = removeNode(rootsOf(info), snapshot);
  const wasCurrent = currentOf(info)?.value === snapshot.value;
  const frozen = store.read(snapshot, 'config.hardware.device');
  store.set(vm, 'snapshot', infoOf(roots, wasCurrent ? parent : currentOf(info)));
  const rootRefs = roots.map((node) => node['snapshot']).filter((ref) => ref !== undefined);
  store.set(vm, 'rootSnapshot', rootRefs.length === 0 ? undefined : rootRefs);
  if (parent !== undefined) store.removeFrom(parent, 'childSnapshot', snapshot);
  store.remove(snapshot);
  if (!leaveDisks) await joinLayers(world, vm, frozen);
}

function revert(world: World, vm: Ref, snapshot: Ref): undefined {
  const { store } = world;
  const config = asData(store.read(snapshot, 'config'));
  if (config === undefined) throw notFound(snapshot);
  store.set(vm, 'config', config);
  const info = snapshotInfo(world, vm);
  store.set(vm, 'snapshot', infoOf(rootsOf(info), snapshot));
  followLayers(world, vm);
  for (const disk of disksOf(store, vm).filter((each) => !isIndependent(each))) branch(world, vm, disk);
  return undefined;
}
