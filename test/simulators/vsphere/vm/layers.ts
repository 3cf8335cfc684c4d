/** The chains of a VM's disks after snapshots came and went, and the files that show them. */
import { showChangeId } from './tracking.ts';
import { disksOf, fileOf, keyOfDevice } from './vm.ts';
import { allOf, rootsOf } from './snapshot-tree.ts';
import type { Layer } from '../disk/layer.ts';
import { asData, asList, isData, type Data, type Ref, type Value } from '../values.ts';
import type { World } from '../world.ts';

/**
 * A snapshot was removed: of each disk that it froze, the layer above comes down into the one that it had kept, unless other
 * snapshots branch from that.
 */
export async function joinLayers(world: World, vm: Ref, frozen: Value | undefined): Promise<void> {
  for (const disk of asList(frozen).filter(isData)) {
    const kept = disk._type === 'VirtualDisk' ? world.disks.layerAt(fileOf(disk)) : undefined;
    const state = world.disks.find(vm, keyOfDevice(disk));
    if (kept === undefined || state === undefined) continue;
    const used = usedLayers(world, vm, keyOfDevice(disk));
    const above = used.filter((layer) => layer.parent === kept);
    if (used.includes(kept) || above.length !== 1 || above[0] === undefined) continue;
    await mergeDown(world, vm, keyOfDevice(disk), above[0]);
  }
}

/** All that no snapshot needs comes down, as ConsolidateVMDisks does. */
export async function consolidate(world: World, vm: Ref): Promise<undefined> {
  for (const disk of disksOf(world.store, vm)) {
    const key = keyOfDevice(disk);
    for (let at = world.disks.find(vm, key)?.live ?? null; at?.parent != null; ) {
      const used = usedLayers(world, vm, key);
      const lower: Layer = at.parent;
      if (!used.includes(lower)) {
        await mergeDown(world, vm, key, at);
      }
      at = lower;
    }
  }
  world.store.set(vm, 'runtime.consolidationNeeded', false);
  return undefined;
}

/** What snapshots froze of a disk, and what it writes to now. */
function usedLayers(world: World, vm: Ref, key: number): Layer[] {
  const { store, disks } = world;
  const frozen = allOf(rootsOf(asData(store.read(vm, 'snapshot')))).map((snapshot) =>
    asList(store.read(snapshot, 'config.hardware.device'))
      .filter(isData)
      .find((device) => keyOfDevice(device) === key),
  );
  const layers = frozen.map((disk) => (disk === undefined ? undefined : disks.layerAt(fileOf(disk))));
  return [...layers, disks.find(vm, key)?.live].filter((layer) => layer !== undefined);
}

async function mergeDown(world: World, vm: Ref, key: number, upper: Layer): Promise<void> {
  const { store, disks } = world;
  const lower = await disks.merge(upper);
  const state = disks.find(vm, key);
  if (state?.live === upper) state.live = lower;
  const holders = [vm, ...allOf(rootsOf(asData(store.read(vm, 'snapshot'))))];
  for (const holder of holders) {
    const path = `config.hardware.device[${key}].backing`;
    const backing = asData(store.read(holder, path));
    if (backing !== undefined) store.set(holder, path, withoutFile(backing, upper.path));
  }
  if (state?.tracker != null) showChangeId(world, vm, key);
}

/** A chain of backings in which what pointed at a file points at its parent's. */
function withoutFile(backing: Data, file: string): Data {
  const parent = asData(backing['parent']);
  if (parent === undefined) return backing;
  if (backing['fileName'] !== file) return { ...backing, parent: withoutFile(parent, file) };
  const { deltaDiskFormat: _, ...kept } = backing;
  const format = parent['deltaDiskFormat'];
  return {
    ...kept,
    _type: backing._type,
    fileName: parent['fileName'],
    parent: parent['parent'],
    ...(format === undefined ? {} : { deltaDiskFormat: format }),
  };
}

/** After a revert: writes go where the configuration says. */
export function followLayers(world: World, vm: Ref): void {
  for (const disk of disksOf(world.store, vm)) {
    const state = world.disks.find(vm, keyOfDevice(disk));
    const layer = world.disks.layerAt(fileOf(disk));
    if (state !== undefined && layer !== undefined) state.live = layer;
  }
}
