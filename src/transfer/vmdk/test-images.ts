/** Makes images for tests: random sparse disks, and VMDKs by qemu-img and, as ESXi writes them, by our own hand. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { deflateSync } from 'node:zlib';
import { statSync } from 'node:fs';
import type { StoredImage } from '../disk.ts';

export const run = promisify(execFile);

export async function makeDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'wherry-image-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Pieces of noise and of zeros, some shorter than a grain; always with data. The same seed makes the same disk. */
export function makeContent(sizeBytes: number, seed: string): Buffer {
  const content = Buffer.alloc(sizeBytes);
  let counter = 0;
  const noise = (): Buffer => createHash('sha512').update(`${seed}/${counter++}`).digest();
  for (let at = 0; at < sizeBytes; ) {
    const dice = noise();
    const length = Math.min(sizeBytes - at, 512 * (1 + (dice.readUInt16LE(0) % (dice.readUInt8(4) < 40 ? 8000 : 300))));
    if (dice.readUInt8(5) % 2 === 0) {
      for (let to = at; to < at + length; to += 256) noise().copy(content, to); // a quarter noise: it compresses
    }
    at += length;
  }
  content.write('the first sector holds data', 0);
  content.write('and so does the last', sizeBytes - 30);
  return content;
}

/** An image file whose siblings are the files beside it. */
export function storedImage(
  path: string,
  format: StoredImage['format'],
  change: Partial<StoredImage> = {},
): StoredImage {
  return {
    path,
    offset: 0,
    lengthBytes: statSync(path).size,
    format,
    gzip: false,
    vm: 'web01',
    disk: 'disk-1',
    sibling: (name) => {
      const beside = join(dirname(path), name);
      const stat = statSync(beside, { throwIfNoEntry: false });
      return stat === undefined ? null : { path: beside, offset: 0, lengthBytes: stat.size };
    },
    ...change,
  };
}

export async function convert(raw: string, target: string, ...options: string[]): Promise<void> {
  await run('qemu-img', ['convert', '-f', 'raw', '-O', ...options, raw, target]);
}

export type StreamOptions = {
  /** Changes the grains before they are written. */
  readonly order?: (numbers: number[]) => number[];
  readonly zeroGrain?: number;
  readonly lastGrainPartial?: boolean;
};

const sectors = (bytes: number): number => Math.ceil(bytes / 512);

/** A stream-optimized VMDK with the directory behind the grains, found through the footer. */
export function streamOptimized(content: Buffer, options: StreamOptions = {}): Buffer {
  const grain = 65_536;
  const tableGrains = 512;
  const grains = Math.ceil(content.length / grain);
  const tables = Math.ceil(grains / tableGrains);
  const header = Buffer.alloc(512);
  header.write('KDMV', 0, 'latin1');
  header.writeUInt32LE(3, 4);
  header.writeUInt32LE(0x30001 | (options.zeroGrain === undefined ? 0 : 4), 8);
  header.writeBigUInt64LE(BigInt(content.length / 512), 12);
  header.writeBigUInt64LE(128n, 20);
  header.writeBigUInt64LE(1n, 28);
  header.writeBigUInt64LE(20n, 36);
  header.writeUInt32LE(512, 44);
  header.writeBigUInt64LE(2n ** 64n - 1n, 56);
  header.writeBigUInt64LE(128n, 64);
  header.write('\n \r\n', 73, 'latin1');
  header.writeUInt16LE(1, 77);
  const front = Buffer.alloc(65_536);
  header.copy(front);
  front.write(
    `# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType="streamOptimized"\n\n` +
      `# Extent description\nRDONLY ${content.length / 512} SPARSE "generated-stream.vmdk"\n\nddb.adapterType = "lsilogic"\n`,
    512,
  );
  const parts = [front];
  let at = front.length;
  const append = (part: Buffer): number => {
    const place = at;
    const padded = Buffer.alloc(sectors(part.length) * 512);
    part.copy(padded);
    parts.push(padded);
    at += padded.length;
    return place / 512;
  };
  const mark = (length: number, type: number): void => {
    const marker = Buffer.alloc(512);
    marker.writeBigUInt64LE(BigInt(length), 0);
    marker.writeUInt32LE(type, 12);
    append(marker);
  };
  const entries = new Uint32Array(tables * tableGrains);
  const numbers = Array.from({ length: grains }, (_, index) => index);
  const directory = Buffer.alloc(tables * 4);
  let written = 0;
  const writeTable = (index: number): void => {
    mark(4, 1);
    const table = Buffer.from(entries.slice(index * tableGrains, (index + 1) * tableGrains).buffer);
    directory.writeUInt32LE(append(table), index * 4);
  };
  for (const number of options.order?.(numbers) ?? numbers) {
    const end = options.lastGrainPartial === true ? content.length : (number + 1) * grain;
    const data = Buffer.alloc(Math.min(grain, end - number * grain));
    content.copy(data, 0, number * grain);
    if (number === options.zeroGrain) entries[number] = 1;
    else if (data.some((byte) => byte !== 0)) {
      const deflated = deflateSync(data, { level: 1 });
      const head = Buffer.alloc(12);
      head.writeBigUInt64LE(BigInt(number * 128), 0);
      head.writeUInt32LE(deflated.length, 8);
      entries[number] = append(Buffer.concat([head, deflated]));
    }
    written++;
    if (options.order === undefined && (written % tableGrains === 0 || written === grains)) {
      writeTable(Math.floor((written - 1) / tableGrains));
    }
  }
  if (options.order !== undefined) for (let index = 0; index < tables; index++) writeTable(index);
  mark(sectors(directory.length), 2);
  const directoryAt = append(directory);
  mark(1, 3);
  const footer = Buffer.from(header);
  footer.writeBigUInt64LE(BigInt(directoryAt), 56);
  append(footer);
  mark(0, 0);
  return Buffer.concat(parts);
}

export async function writeImage(directory: string, name: string, bytes: Buffer | string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, bytes);
  return path;
}
