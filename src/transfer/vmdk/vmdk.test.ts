import { describe, expect, it } from 'vitest';
import { assert, asyncProperty, integer, nat } from 'fast-check';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { createImageTools } from '../images.ts';
import type { Disk, Extent } from '../disk.ts';
import { convert, makeContent, makeDirectory, run, storedImage, streamOptimized, writeImage } from './test-images.ts';

const signal = AbortSignal.timeout(120_000);
const mib = 1024 * 1024;

const tools = createImageTools();

const reversed = (numbers: number[]): number[] => numbers.toReversed();

async function allExtents(disk: Disk, offset: number, length: number): Promise<Extent[]> {
  const list: Extent[] = [];
  for await (const extent of disk.extents({ offset, length }, signal)) list.push(extent);
  return list;
}

/** Every byte, by random reads at once; extents in order, without gaps, and zeros where they say so. */
async function expectSame(disk: Disk, content: Buffer): Promise<number> {
  expect(disk.sizeBytes).toBe(content.length);
  const extents = await allExtents(disk, 0, content.length);
  let at = 0;
  for (const extent of extents) {
    expect(extent.offset).toBe(at);
    expect(extent.length).toBeGreaterThan(0);
    at += extent.length;
    const zeros = content.subarray(extent.offset, at).every((byte) => byte === 0);
    expect(extent.kind === 'data' || zeros).toBe(true);
  }
  expect(at).toBe(content.length);
  const whole = await Promise.all(
    Array.from({ length: Math.ceil(content.length / mib) }, (_, index) =>
      disk.read(index * mib, Math.min(mib, content.length - index * mib), signal),
    ),
  );
  expect(Buffer.concat(whole).equals(content)).toBe(true);
  await assert(
    asyncProperty(nat(content.length - 1), integer({ min: 1, max: 3 * mib }), async (offset, wanted) => {
      const length = Math.min(wanted, content.length - offset);
      const part = await disk.read(offset, length, signal);
      expect(part.equals(content.subarray(offset, offset + length))).toBe(true);
      // The same into memory that threads share, as copies read; what is around it stays as it was.
      const shared = Buffer.from(new SharedArrayBuffer(length + 32)).fill(0xee);
      await disk.readInto?.(offset, shared.subarray(16, 16 + length), signal);
      const edge = Buffer.alloc(16, 0xee);
      const filled = disk.readInto === undefined ? part : shared.subarray(16, 16 + length);
      expect(filled.equals(part)).toBe(true);
      expect(shared.subarray(0, 16).equals(edge) && shared.subarray(16 + length).equals(edge)).toBe(true);
      const some = await allExtents(disk, offset, length);
      expect(some[0]?.offset).toBe(offset);
      expect(some.reduce((sum, extent) => sum + extent.length, 0)).toBe(length);
    }),
    { numRuns: 25 },
  );
  return content.length;
}

describe('VMDKs of qemu-img read as the raw disk they were made from', () => {
  const subformats = [
    'streamOptimized',
    'monolithicSparse',
    'monolithicFlat',
    'twoGbMaxExtentSparse',
    'twoGbMaxExtentFlat',
  ];
  const sizes = [40 * mib, 33 * mib + 512, 64 * 1024 * 5 - 1024, 512];
  it.each(subformats.flatMap((subformat) => sizes.map((size) => ({ subformat, size }))))(
    '$subformat of $size bytes',
    async ({ subformat, size }) => {
      await using directory = await makeDirectory();
      const content = makeContent(size, `${subformat}${size}`);
      const raw = await writeImage(directory.path, 'disk.raw', content);
      const path = join(directory.path, 'disk.vmdk');
      await convert(raw, path, 'vmdk', '-o', `subformat=${subformat}`);
      const image = storedImage(path, 'vmdk');
      expect(await tools.inspect(image, signal)).toEqual({ format: 'vmdk', subformat, virtualSizeBytes: size });
      const disk = await tools.openStored(image, directory.path, signal);
      await expectSame(disk, content);
      await disk.close();
      await disk.close();
    },
  );
});

describe('a stream-optimized VMDK with its directory at the end', () => {
  it.each([40 * mib, 70 * mib + 1536, 64 * 1024 * 3 + 512])('of %i bytes reads as qemu-img reads it', async (size) => {
    await using directory = await makeDirectory();
    const content = makeContent(size, `stream${size}`);
    const path = await writeImage(directory.path, 'disk.vmdk', streamOptimized(content));
    const again = join(directory.path, 'again.raw');
    await run('qemu-img', ['convert', '-f', 'vmdk', '-O', 'raw', path, again]);
    const raw = await writeImage(directory.path, 'disk.raw', content);
    await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', raw, again]);
    const disk = await tools.openStored(storedImage(path, 'vmdk'), directory.path, signal);
    await expectSame(disk, content);
    expect(size < mib || (await allExtents(disk, 0, size)).some((extent) => extent.kind === 'zero')).toBe(true);
    await disk.close();
  });

  it('may store its grains in any order, and end with a partial grain', async () => {
    await using directory = await makeDirectory();
    const content = makeContent(5 * mib + 512, 'reversed');
    const bytes = streamOptimized(content, { order: reversed, lastGrainPartial: true });
    const path = await writeImage(directory.path, 'disk.vmdk', bytes);
    const disk = await tools.openStored(storedImage(path, 'vmdk'), directory.path, signal);
    expect(await expectSame(disk, content)).toBe(content.length);
    await disk.close();
  });

  it('is read in place inside a larger file', async () => {
    await using directory = await makeDirectory();
    const content = makeContent(3 * mib, 'inside');
    const bytes = streamOptimized(content);
    const path = await writeImage(
      directory.path,
      'a.ova',
      Buffer.concat([Buffer.alloc(1536, 7), bytes, Buffer.alloc(512, 9)]),
    );
    const image = storedImage(path, 'vmdk', { offset: 1536, lengthBytes: bytes.length });
    const disk = await tools.openStored(image, directory.path, signal);
    expect(await expectSame(disk, content)).toBe(content.length);
    await disk.close();
  });

  it('reads a grain that is marked as zeros as zeros, without data', async () => {
    await using directory = await makeDirectory();
    const content = Buffer.alloc(4 * 65_536, 0x5a);
    const bytes = streamOptimized(content, { zeroGrain: 2 });
    const path = await writeImage(directory.path, 'disk.vmdk', bytes);
    const disk = await tools.openStored(storedImage(path, 'vmdk'), directory.path, signal);
    content.fill(0, 2 * 65_536, 3 * 65_536);
    await expectSame(disk, content);
    expect((await allExtents(disk, 0, content.length)).map((extent) => extent.kind)).toEqual(['data', 'zero', 'data']);
    await disk.close();
  });
});

describe('damage in a grain is an error that names disk and place', () => {
  const content = Buffer.alloc(65_536 * 3, 'no zeros here');
  const first = 65_536;
  it.each([
    ['its header is of another sector', (image: Buffer) => image.writeBigUInt64LE(128n, first), 'image.corrupt'],
    ['its length is zero', (image: Buffer) => image.writeUInt32LE(0, first + 8), 'image.corrupt'],
    ['its length is enormous', (image: Buffer) => image.writeUInt32LE(0xffffffff, first + 8), 'image.corrupt'],
    ['its data is cut', (image: Buffer) => image.writeUInt32LE(20, first + 8), 'image.corrupt'],
    ['its data is changed', (image: Buffer) => image.writeUInt32LE(0x12345678, first + 30), 'image.corrupt'],
  ])('%s', async (_what, damage, code) => {
    await using directory = await makeDirectory();
    const bytes = streamOptimized(content);
    const control = await writeImage(directory.path, 'control.vmdk', bytes);
    damage(bytes);
    const path = await writeImage(directory.path, 'disk.vmdk', bytes);
    const good = await tools.openStored(storedImage(control, 'vmdk'), directory.path, signal);
    expect((await good.read(0, content.length, signal)).equals(content)).toBe(true);
    await good.close();
    const disk = await tools.openStored(storedImage(path, 'vmdk'), directory.path, signal);
    await expect(disk.read(0, content.length, signal)).rejects.toMatchObject({
      code,
      params: { vm: 'web01', disk: 'disk-1', detail: expect.stringContaining(String(first)) },
    });
    expect((await disk.read(65_536, 65_536, signal)).equals(content.subarray(65_536, 2 * 65_536))).toBe(true);
    await disk.close();
  });

  it('a grain that inflates to less or more than a grain', async () => {
    await using directory = await makeDirectory();
    for (const length of [1000, 65_536 * 2]) {
      const bytes = streamOptimized(content.subarray(0, 65_536));
      const other = streamOptimized(Buffer.alloc(65_536 * 2, 'no zeros here'));
      const data = deflateSync(Buffer.alloc(length, 'x'));
      bytes.writeUInt32LE(data.length, first + 8);
      data.copy(bytes, first + 12);
      expect(other.length).toBeGreaterThan(bytes.length - 512);
      const path = await writeImage(directory.path, 'disk.vmdk', bytes);
      const disk = await tools.openStored(storedImage(path, 'vmdk'), directory.path, signal);
      await expect(disk.read(0, 65_536, signal)).rejects.toMatchObject({ code: 'image.corrupt' });
      await disk.close();
    }
  });
});

async function readInOrder(disk: Disk, step: number): Promise<Buffer> {
  const parts: Promise<Buffer>[] = [];
  for (let at = 0; at < disk.sizeBytes; at += step) {
    parts.push(disk.read(at, Math.min(step, disk.sizeBytes - at), signal));
  }
  return Buffer.concat(await Promise.all(parts));
}

describe("gzip'd members are read in order", () => {
  it.each([100_000, mib, 4 * mib])('a raw disk and a stream-optimized VMDK, %i bytes at a time', async (step) => {
    await using directory = await makeDirectory();
    const content = makeContent(6 * mib + 512, 'gzip');
    const raw = await writeImage(directory.path, 'disk.raw', content);
    const vmdk = join(directory.path, 'disk.vmdk');
    await convert(raw, vmdk, 'vmdk', '-o', 'subformat=streamOptimized');
    const images = [
      { name: 'raw.gz', format: 'raw' as const, bytes: content },
      { name: 'esx.gz', format: 'vmdk' as const, bytes: streamOptimized(content) },
      { name: 'qemu.gz', format: 'vmdk' as const, bytes: await readFile(vmdk) },
    ];
    for (const { name, format, bytes } of images) {
      const path = await writeImage(directory.path, name, gzipSync(bytes, { level: 1 }));
      const image = storedImage(path, format, { gzip: true });
      expect((await tools.inspect(image, signal)).virtualSizeBytes).toBe(content.length);
      const disk = await tools.openStored(image, directory.path, signal);
      expect(disk.access).toBe('sequential');
      expect((await readInOrder(disk, step)).equals(content)).toBe(true);
      await disk.close();
    }
  });

  it('a bomb is refused at the size of the disk, and a short one is noticed', async () => {
    await using directory = await makeDirectory();
    const path = await writeImage(directory.path, 'disk.gz', gzipSync(Buffer.alloc(8 * mib)));
    const open = (declaredSizeBytes: number): Promise<Disk> =>
      tools.openStored(storedImage(path, 'raw', { gzip: true, declaredSizeBytes }), directory.path, signal);
    for (const [declared, code] of [
      [mib, 'image.gzip_bomb'],
      [9 * mib, 'image.truncated'],
    ] as const) {
      const disk = await open(declared);
      await expect(readInOrder(disk, mib)).rejects.toMatchObject({ code });
      await disk.close();
    }
    const exact = await open(8 * mib);
    expect((await readInOrder(exact, mib)).length).toBe(8 * mib);
    await exact.close();
  });

  it('a cut, a damaged and an unordered one are refused', async () => {
    await using directory = await makeDirectory();
    const content = makeContent(2 * mib, 'cut');
    const whole = gzipSync(content);
    const damaged = Buffer.from(whole);
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 6) ^ 1, damaged.length - 6);
    const unordered = gzipSync(streamOptimized(content, { order: reversed }));
    for (const [bytes, format, code] of [
      [whole.subarray(0, whole.length - 100), 'raw', 'image.truncated'],
      [damaged, 'raw', 'image.corrupt'],
      [unordered, 'vmdk', 'image.gzip_format'],
    ] as const) {
      const path = join(directory.path, 'disk.gz');
      await writeFile(path, bytes);
      const image = storedImage(path, format, { gzip: true, declaredSizeBytes: content.length });
      const disk = await tools.openStored(image, directory.path, signal);
      await expect(readInOrder(disk, mib)).rejects.toMatchObject({ code });
      await disk.close();
    }
  });

  it('what needs random reads is refused with what to do', async () => {
    await using directory = await makeDirectory();
    const raw = await writeImage(directory.path, 'disk.raw', makeContent(mib, 'random'));
    for (const [format, ...options] of [['qcow2'], ['vmdk', '-o', 'subformat=monolithicSparse']] as const) {
      const path = join(directory.path, `disk.${format}`);
      await convert(raw, path, format, ...options);
      const zipped = await writeImage(directory.path, `${format}.gz`, gzipSync(await readFile(path)));
      await expect(tools.inspect(storedImage(zipped, format, { gzip: true }), signal)).rejects.toMatchObject({
        code: 'image.gzip_format',
      });
    }
  });
});
