/** One image of a chain: the base of a disk, or what was written since a snapshot. A sparse file, made when it is first written to. */
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/** Blocks of change tracking and grains of a streamOptimized VMDK alike. */
export const blockBytes = 65_536;

export class Layer {
  /** `[datastore] folder/name.vmdk` */
  readonly path: string;
  readonly sizeBytes: number;
  parent: Layer | null;
  /** Numbers of the blocks that this layer holds. */
  readonly blocks = new Set<number>();
  readonly #file: string;
  #handle: Promise<FileHandle> | null = null;

  constructor(directory: string, number: number, path: string, sizeBytes: number, parent: Layer | null) {
    this.#file = join(directory, `layer-${number}`);
    this.path = path;
    this.sizeBytes = sizeBytes;
    this.parent = parent;
  }

  /** Logical content: of this layer where it holds a block, else of what lies under it, else zeros. */
  async read(offset: number, length: number): Promise<Buffer> {
    const result = Buffer.alloc(length);
    for (const { block, from, to } of pieces(offset, length)) {
      const owner = this.#ownerOf(block);
      if (owner !== null) await owner.#readOwn(result.subarray(from - offset, to - offset), from);
    }
    return result;
  }

  async write(offset: number, data: Buffer): Promise<void> {
    if (offset < 0 || offset + data.length > this.sizeBytes) throw new RangeError('a write past the end of the disk');
    const handle = await this.#open();
    for (const { block, from, to } of pieces(offset, data.length)) {
      const whole = to - from === blockBytes;
      if (!this.blocks.has(block) && !whole && this.parent !== null) {
        const start = block * blockBytes;
        const below = await this.parent.read(start, Math.min(blockBytes, this.sizeBytes - start));
        await handle.write(below, 0, below.length, start);
      }
      this.blocks.add(block);
      await handle.write(data, from - offset, to - from, from);
    }
  }

  /** Numbers of the blocks that anything in the chain holds, in order. */
  allocated(): number[] {
    const all = new Set(this.blocks);
    for (let layer = this.parent; layer !== null; layer = layer.parent)
      for (const block of layer.blocks) all.add(block);
    return [...all].sort((one, other) => one - other);
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await (await handle)?.close();
  }

  #ownerOf(block: number): Layer | null {
    if (this.blocks.has(block)) return this;
    for (let layer = this.parent; layer !== null; layer = layer.parent) if (layer.blocks.has(block)) return layer;
    return null;
  }

  async #readOwn(into: Buffer, offset: number): Promise<void> {
    const handle = await this.#open();
    await handle.read(into, 0, into.length, offset); // what is past the file's end reads as zeros
  }

  #open(): Promise<FileHandle> {
    this.#handle ??= open(this.#file, 'w+', 0o600);
    return this.#handle;
  }
}

function* pieces(offset: number, length: number): Generator<{ block: number; from: number; to: number }> {
  for (let at = offset; at < offset + length; ) {
    const block = Math.floor(at / blockBytes);
    const to = Math.min(offset + length, (block + 1) * blockBytes);
    yield { block, from: at, to };
    at = to;
  }
}
