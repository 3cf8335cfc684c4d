/** Changed block tracking: asked for by a reconfiguration, real from the next stun on, then answering QueryChangedDiskAreas. */
import { disksOf, fileOf, isIndependent, isPhysicalRdm, keyOfDevice, vmOfSnapshot } from './vm.ts';
import { areasOf } from '../disk/disks.ts';
import { Tracker } from '../disk/tracker.ts';
import { invalidArgument, VimFault } from '../soap/fault.ts';
import { asList, asNumber, asRef, asText, data, isData, type Data, type Ref } from '../values.ts';
import { answer, type Handler, type World } from '../world.ts';

/** At a stun: tracking begins or ends on every disk that can have it, as the configuration asks. */
export function applyTracking(world: World, vm: Ref): void {
  const wanted = world.store.read(vm, 'config.changeTrackingEnabled') === true;
  for (const disk of disksOf(world.store, vm)) {
    const key = keyOfDevice(disk);
    const state = world.disks.find(vm, key);
    if (state === undefined || isIndependent(disk) || isPhysicalRdm(disk)) continue;
    const has = state.tracker !== null;
    if (wanted === has) continue;
    state.tracker = wanted ? new Tracker(state.live.parent === null) : null;
    showChangeId(world, vm, key);
    const option = `scsi0:${asNumber(disk['unitNumber']) ?? 0}.ctkEnabled`;
    world.store.set(vm, `config.extraConfig["${option}"]`, data('OptionValue', { key: option, value: String(wanted) }));
  }
}

/** The live disk shows the id of its present state. */
export function showChangeId(world: World, vm: Ref, key: number): void {
  const id = world.disks.find(vm, key)?.tracker?.changeId;
  world.store.set(vm, `config.hardware.device[${key}].backing.changeId`, id);
}

export const tracking: Record<string, Handler> = {
  QueryChangedDiskAreas({ world, self, args }) {
    const key = asNumber(args['deviceKey']) ?? -1;
    const startOffset = asNumber(args['startOffset']) ?? -1;
    const since = asText(args['changeId']) ?? '';
    const disk = diskOf(world, self.ref, asRef(args['snapshot']), key);
    const size = asNumber(disk['capacityInBytes']) ?? 0;
    if (startOffset < 0 || startOffset >= size) throw invalidArgument('startOffset');
    const { areasPerAnswer, bytesPerAnswer } = world.settings;
    const blocks = changedBlocks(world, self.ref, disk, since);
    const last = Math.min(size, startOffset + bytesPerAnswer);
    const areas = areasOf(blocks, size)
      .map(({ start, length }) => {
        const from = Math.max(start, startOffset);
        return { start: from, length: Math.min(start + length, last) - from };
      })
      .filter(({ length }) => length > 0);
    const told = areas.slice(0, areasPerAnswer);
    const next = areas[areasPerAnswer]?.start ?? last;
    return answer(
      data('DiskChangeInfo', {
        startOffset,
        length: next - startOffset,
        changedArea: told.map((area) => data('DiskChangeExtent', area)),
      }),
    );
  },
};

/** The disk as it is in the snapshot, or without one as it is now: that only while the VM is off. */
function diskOf(world: World, vm: Ref, snapshot: Ref | undefined, key: number): Data {
  if (snapshot !== undefined && vmOfSnapshot(world.store, snapshot).value !== vm.value)
    throw invalidArgument('snapshot');
  const found = asList(world.store.read(snapshot ?? vm, 'config.hardware.device'))
    .filter(isData)
    .find((device) => keyOfDevice(device) === key);
  if (found?._type !== 'VirtualDisk') throw invalidArgument('deviceKey');
  return found;
}

function changedBlocks(world: World, vm: Ref, disk: Data, since: string): readonly number[] {
  const state = world.disks.find(vm, keyOfDevice(disk));
  const backing = disk['backing'];
  const now = isData(backing) ? asText(backing['changeId']) : undefined;
  const tracker = state?.tracker ?? null;
  if (state === undefined || tracker === null || now === undefined) {
    throw fileFault(fileOf(disk), 'Change tracking is not active on this disk.');
  }
  if (since === '*') {
    const layer = world.disks.layerAt(fileOf(disk));
    if (!tracker.complete || layer === undefined) throw fileFault(fileOf(disk), 'Cannot compute the areas in use.');
    return layer.allocated();
  }
  const blocks = tracker.between(since, now);
  if (blocks === null) throw invalidArgument('changeId');
  return blocks;
}

const fileFault = (file: string, why: string): VimFault =>
  new VimFault('FileFault', `Error caused by file ${file}: ${why}`, { file });
