/** The content of all virtual disks: which chain each disk writes to, and what is tracked of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blockBytes, Layer } from './layer.ts';
import { Tracker } from './tracker.ts';
import type { Ref } from '../values.ts';

export type DiskState = {
  readonly key: number;
  /** Where writes go. */
  live: Layer;
  tracker: Tracker | null;
};

export class Disks {
  readonly #directory: string;
  #layers = 0;
  readonly #byPath = new Map<string, Layer>();
  readonly #disks = new Map<string, DiskState>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(): Promise<Disks> {
    return new Disks(await mkdtemp(join(tmpdir(), 'wherry-vsphere-')));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#byPath.values()].map((layer) => layer.close()));
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** A new base image; one that is there already (a shared disk) is taken. */
  base(path: string, sizeBytes: number): Layer {
    return this.#byPath.get(path) ?? this.#add(path, sizeBytes, null);
  }

  delta(path: string, parent: Layer): Layer {
    return this.#add(path, parent.sizeBytes, parent);
  }

  attach(vm: Ref, key: number, live: Layer): DiskState {
    const state = { key, live, tracker: null };
    this.#disks.set(`${vm.value}/${key}`, state);
    return state;
  }

  detach(vm: Ref, key: number): void {
    this.#disks.delete(`${vm.value}/${key}`);
  }

  find(vm: Ref, key: number): DiskState | undefined {
    return this.#disks.get(`${vm.value}/${key}`);
  }

  /** By its descriptor's path. */
  layerAt(path: string): Layer | undefined {
    return this.#byPath.get(path);
  }

  /** As the guest does it: into the newest layer, counted by the tracking. */
  async write(vm: Ref, key: number, offset: number, data: Buffer): Promise<void> {
    const state = this.find(vm, key);
    if (state === undefined) throw new Error(`${vm.value} has no disk ${key}`);
    await state.live.write(offset, data);
    const first = Math.floor(offset / blockBytes);
    const last = Math.floor((offset + data.length - 1) / blockBytes);
    state.tracker?.wrote(Array.from({ length: last - first + 1 }, (_, index) => first + index));
  }

  /** Puts what `upper` holds into the layer below it, which takes its place. Those above must be told. */
  async merge(upper: Layer): Promise<Layer> {
    const lower = upper.parent;
    if (lower === null) throw new Error(`${upper.path} has nothing below it`);
    for (const block of upper.blocks) {
      const start = block * blockBytes;
      await lower.write(start, await upper.read(start, Math.min(blockBytes, upper.sizeBytes - start)));
    }
    for (const layer of this.#byPath.values()) if (layer.parent === upper) layer.parent = lower;
    await this.drop(upper);
    return lower;
  }

  async drop(layer: Layer): Promise<void> {
    this.#byPath.delete(layer.path);
    await layer.close();
  }

  #add(path: string, sizeBytes: number, parent: Layer | null): Layer {
    if (this.#byPath.has(path)) throw new Error(`there is a file ${path} already`);
    this.#layers += 1;
    const layer = new Layer(this.#directory, this.#layers, path, sizeBytes, parent);
    this.#byPath.set(path, layer);
    return layer;
  }
}

/** Blocks in order as ranges of bytes, neighbours joined. */
export function areasOf(blocks: readonly number[], sizeBytes: number): Array<{ start: number; length: number }> {
  const areas: Array<{ start: number; length: number }> = [];
  for (const block of blocks) {
    const start = block * blockBytes;
    const length = Math.min(blockBytes, sizeBytes - start);
    const last = areas.at(-1);
    if (last !== undefined && last.start + last.length === start) last.length += length;
    else areas.push({ start, length });
  }
  return areas;
}
