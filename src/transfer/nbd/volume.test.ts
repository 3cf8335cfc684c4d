import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runChild } from '../../process/child.ts';
import type { WritableDisk } from '../disk.ts';
import { sharedMemory } from '../memory.ts';
import { testDisk, testPattern } from '../test-disk.ts';
import type { QemuImage } from './image-options.ts';
import { type NbdDisk, connectNbd } from './client.ts';
import { direct } from './direct.ts';
import { startQemuNbd } from './qemu-nbd.ts';
import { serveNbd } from './server.ts';
import { openRawRange } from './sparse.ts';
import { testFolder } from './test-peers.ts';
import { allocationDepthContext, openImage, openVolume } from './volume.ts';

const { signal } = new AbortController();
const MiB = 1024 * 1024;
const run = (command: string, ...args: string[]) => runChild(command, args, { timeoutMs: 20_000 });
const pretend = async (volume: WritableDisk, sizeBytes: number): Promise<NbdDisk> => ({
  ...(volume as NbdDisk),
  sizeBytes,
});
const sockets = async (folder: string) => (await readdir(folder)).filter((name) => name.endsWith('.sock'));

test.each(['raw', 'qcow2'] as const)(
  'a %s volume is written, flushed, and read by others after it is closed',
  async (format) => {
    await using folder = await testFolder();
    const path = join(folder.path, 'volume');
    await run('qemu-img', 'create', '-q', '-f', format, path, '16M');
    const volume = await openVolume({ path, format, readOnly: false, startsZeroed: true }, folder.path, signal);
    const content = testPattern(16 * MiB);
    content.fill(0, 6 * MiB, 10 * MiB);
    expect(volume.startsZeroed).toBe(true);
    await volume.write(0, content.subarray(0, 7 * MiB), signal);
    await volume.write(10 * MiB, content.subarray(10 * MiB), signal);
    await volume.zero(6 * MiB, MiB, signal);
    await volume.flush(signal);
    const extents = await Array.fromAsync(volume.extents({ offset: 0, length: 16 * MiB }, signal));
    expect(extents.map(({ kind, length }) => [kind, length / MiB])).toEqual([
      ['data', 6],
      ['zero', 4],
      ['data', 6],
    ]);
    await volume.close();
    await volume.close();
    const plain = join(folder.path, 'plain');
    await run('qemu-img', 'convert', '-f', format, '-O', 'raw', path, plain);
    expect((await readFile(plain)).equals(content)).toBe(true);
    expect(await sockets(folder.path)).toEqual([]);
  },
);

test('whole pages of a raw volume go to its file, the rest through qemu-nbd, and both see each other', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'volume');
  const size = 8 * MiB + 1536;
  await writeFile(path, Buffer.alloc(size, 0xee));
  const volume = await openVolume({ path, format: 'raw', readOnly: false, startsZeroed: false }, folder.path, signal);
  const memory = sharedMemory(size);
  const expected = Buffer.alloc(size, 0xee);
  const content = testPattern(size);
  const ranges = [
    [0, 4 * MiB],
    [4 * MiB, 4096 + 512],
    [5 * MiB, 100],
    [6 * MiB + 512, MiB],
    [8 * MiB - 4096, 4096 + 1536],
  ] as const;
  for (const [offset, length] of ranges) {
    content.copy(memory, 0, offset, offset + length);
    await volume.write(offset, memory.subarray(0, length), signal);
    content.copy(expected, offset, offset, offset + length);
    memory.fill(1);
    await volume.readInto?.(offset, memory.subarray(0, length), signal);
    expect(memory.subarray(0, length).equals(content.subarray(offset, offset + length))).toBe(true);
  }
  await volume.zero(MiB, MiB, signal);
  expected.fill(0, MiB, 2 * MiB);
  await volume.readInto?.(0, memory.subarray(0, 8 * MiB), signal);
  expect(memory.subarray(0, 8 * MiB).equals(expected.subarray(0, 8 * MiB))).toBe(true);
  await volume.flush(signal);
  expect((await readFile(path)).equals(expected)).toBe(true);
  await expect(volume.write(8 * MiB, memory.subarray(0, 8192), signal)).rejects.toThrow('past the end');
  await volume.close();
});

test('a new raw volume whose size is no multiple of 4 KiB takes every byte', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'volume');
  const size = 3 * MiB + 7 * 512;
  // As a target makes it: all hole. (qemu-img would allocate its beginning.)
  await writeFile(path, '');
  await truncate(path, size);
  const volume = await openVolume({ path, format: 'raw', readOnly: false, startsZeroed: true }, folder.path, signal);
  const memory = sharedMemory(size);
  testPattern(size).copy(memory);
  await volume.write(0, memory.subarray(0, size), signal);
  await volume.zero(MiB, 4096 + 512, signal);
  await volume.flush(signal);
  const expected = testPattern(size).fill(0, MiB, MiB + 4096 + 512);
  const fresh = await openVolume({ path, format: 'raw', readOnly: true, startsZeroed: false }, folder.path, signal);
  expect((await fresh.read(0, size, signal)).equals(expected)).toBe(true);
  await fresh.close();
  await volume.close();
});

test('a full file system is an error of its own, also for whole pages', async ({ skip }) => {
  await using folder = await testFolder();
  skip((await statfs(folder.path)).type === 0x0102_1994, 'files in memory (tmpfs) may become as long as they like');
  const path = join(folder.path, 'volume');
  await writeFile(path, Buffer.alloc(4096));
  // A file may not become longer than this: to the writer the same as a full disk.
  const volume = await openVolume({ path, format: 'raw', readOnly: false, startsZeroed: false }, folder.path, signal);
  const file = await direct({ ...(await pretend(volume, 2 ** 50)) }, path, false);
  const writing = file.write(2 ** 49, sharedMemory(4096).subarray(0, 4096), signal);
  await expect(writing).rejects.toMatchObject({ code: 'transfer.no_space', params: { where: path, offset: 2 ** 49 } });
  await file.close();
});

test.each([
  'with, commas,,and = signs',
  'quote " and \' and \\ backslash',
  'json:{"driver":"null-co"}',
  'nbd:10.0.0.1:10809',
  'ümläut 雪 100%n',
])('a file called %s is just a file', async (name) => {
  await using folder = await testFolder();
  const path = join(folder.path, name);
  await writeFile(path, testPattern(MiB));
  const volume = await openVolume({ path, format: 'raw', readOnly: true, startsZeroed: false }, folder.path, signal);
  expect((await volume.read(0, MiB, signal)).equals(testPattern(MiB))).toBe(true);
  await expect(volume.write(0, Buffer.alloc(512), signal)).rejects.toMatchObject({ code: 'transfer.read_only' });
  await volume.close();
});

test.each([
  ['raw', []],
  ['qcow2', []],
  ['vhd', []],
  ['vhd', ['-o', 'subformat=fixed,force_size=on']],
  ['vhdx', []],
] as const)('an image (%s %s) in the middle of a file is opened where it is', async (format, options) => {
  await using folder = await testFolder();
  const content = testPattern(8 * MiB);
  const [plain, image, archive] = ['plain', 'image', 'archive'].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(plain, content);
  await run('qemu-img', 'convert', '-f', 'raw', '-O', format === 'vhd' ? 'vpc' : format, ...options, plain, image);
  const bytes = await readFile(image);
  const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
  await writeFile(archive, Buffer.concat([testPattern(1536, 8), bytes, padding, testPattern(70_000, 9)]));
  const part: QemuImage = { path: archive, format, part: { offset: 1536, lengthBytes: bytes.length } };
  const disk = await openImage({ image: part, readOnly: true, directory: folder.path }, signal);
  expect(disk.sizeBytes).toBeGreaterThanOrEqual(content.length);
  expect((await disk.read(0, content.length, signal)).equals(content)).toBe(true);
  await disk.close();
});

test('raw means raw: a header of another format inside is never looked at', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'looks-like-qcow2');
  await run('qemu-img', 'create', '-q', '-f', 'qcow2', path, '64M');
  const bytes = await readFile(path);
  const volume = await openVolume({ path, format: 'raw', readOnly: true, startsZeroed: false }, folder.path, signal);
  expect(volume.sizeBytes).toBe(Math.ceil(bytes.length / 512) * 512);
  expect((await volume.read(0, 4, signal)).toString('latin1')).toBe('QFI\u00fb');
  await volume.close();
});

test('a backing file that an image names is not opened; its unallocated clusters read as zeros', async () => {
  await using folder = await testFolder();
  const secret = join(folder.path, 'secret');
  const overlay = join(folder.path, 'overlay');
  await writeFile(secret, testPattern(4 * MiB));
  await run('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', secret, overlay);
  const disk = await openImage(
    { image: { path: overlay, format: 'qcow2' }, readOnly: true, directory: folder.path },
    signal,
  );
  expect((await disk.read(0, 4 * MiB, signal)).equals(Buffer.alloc(4 * MiB))).toBe(true);
  await disk.close();
  await rm(secret);
  const again = await openImage(
    { image: { path: overlay, format: 'qcow2' }, readOnly: true, directory: folder.path },
    signal,
  );
  await again.close();
});

test('an overlay over our own server tells its own data, its own zeros and what it does not hold; and reads composed', async () => {
  await using folder = await testFolder();
  const overlay = join(folder.path, 'overlay');
  const base = testPattern(4 * MiB);
  const backing = { socketPath: join(folder.path, 'base'), exportName: 'base' };
  const server = await serveNbd(testDisk(base), { ...backing, readOnly: true }, signal);
  const uri = `nbd+unix:///base?socket=${backing.socketPath}`;
  await run('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', uri, overlay);
  await run('qemu-io', '-f', 'qcow2', '-c', 'write -P 0x77 1M 64k', '-c', 'write -z 2M 128k', overlay);
  const image = { path: overlay, format: 'qcow2' } as const;
  const own = await openImage({ image, readOnly: true, directory: folder.path, allocationDepth: true }, signal);
  const depths = await Array.fromAsync(own.status(allocationDepthContext, { offset: 0, length: 4 * MiB }, signal)!);
  const held = depths.filter(({ flags }) => flags === 1).map(({ offset, length }) => [offset, length]);
  expect(held).toEqual([
    [MiB, 65536],
    [2 * MiB, 131072],
  ]);
  expect((await own.read(MiB, 65536, signal)).equals(Buffer.alloc(65536, 0x77))).toBe(true);
  await own.close();
  const composed = await openImage(
    { image: { ...image, followBacking: true }, readOnly: true, directory: folder.path },
    signal,
  );
  base.fill(0x77, MiB, MiB + 65536).fill(0, 2 * MiB, 2 * MiB + 131072);
  expect((await composed.read(0, 4 * MiB, signal)).equals(base)).toBe(true);
  await composed.close();
  await server.close();
});

test('a qemu-nbd that is killed in the middle of reads is named in the error, which may pass', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'volume');
  await writeFile(path, testPattern(32 * MiB));
  const server = await startQemuNbd({ image: { path, format: 'raw' }, readOnly: true, directory: folder.path }, signal);
  const disk = await connectNbd({ socketPath: server.socketPath, where: path, peerEnded: server.ended }, signal);
  process.kill(server.pid, 'SIGSTOP');
  const reads = Promise.allSettled(Array.from({ length: 32 }, (_, index) => disk.read(index * MiB, MiB, signal)));
  process.kill(server.pid, 'SIGKILL');
  for (const result of await reads) {
    expect(result).toMatchObject({
      status: 'rejected',
      reason: {
        code: 'transfer.connection_lost',
        passing: true,
        params: { where: path },
        cause: { message: expect.stringContaining('qemu-nbd was killed by SIGKILL') },
      },
    });
  }
  await disk.close();
  await server.close();
  expect(await sockets(folder.path)).toEqual([]);
});

/** Of the qemu-nbd whose arguments name the image. */
async function serverOf(path: string): Promise<number> {
  for (const entry of await readdir('/proc')) {
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    if (command.startsWith('qemu-nbd') && command.includes(path)) return Number(entry);
  }
  throw new Error(`no qemu-nbd serves ${path}`);
}

test.each(['raw', 'qcow2'] as const)(
  'nothing is written to a %s image any more once the process that holds its lock was killed',
  async (format) => {
    await using folder = await testFolder();
    const path = join(folder.path, 'volume');
    await run('qemu-img', 'create', '-q', '-f', format, path, '64M');
    const volume = await openVolume({ path, format, readOnly: false, startsZeroed: true }, folder.path, signal);
    const page = sharedMemory(MiB).fill(5);
    // (control) it goes past qemu-nbd, which need not live for it
    await volume.write(0, page, signal);
    await volume.flush(signal);
    process.kill(await serverOf(path), 'SIGKILL');
    const lost = { code: 'transfer.connection_lost', passing: true, params: { where: path } };
    await expect.poll(() => volume.write(MiB, page, signal).catch((error: unknown) => error)).toMatchObject(lost);
    await expect(volume.flush(signal)).rejects.toMatchObject(lost);
    await volume.close();
    // Opened anew, what was flushed is there, and it goes on.
    const again = await openVolume({ path, format, readOnly: false, startsZeroed: true }, folder.path, signal);
    expect((await again.read(0, MiB, signal)).equals(page)).toBe(true);
    await again.write(MiB, page, signal);
    await again.close();
  },
);

test.each([
  ['that is not there', async (_path: string) => undefined, 'No such file'],
  ['of another format', (path: string) => writeFile(path, testPattern(MiB)), 'not in qcow2 format'],
])('an image %s is an error in qemu-nbd’s own words, and nothing is left', async (_what, prepare, words) => {
  await using folder = await testFolder();
  const path = join(folder.path, 'image');
  await prepare(path);
  const failed = openVolume({ path, format: 'qcow2', readOnly: true, startsZeroed: false }, folder.path, signal);
  await expect(failed).rejects.toMatchObject({
    code: 'transfer.qemu_nbd_failed',
    params: { path, format: 'qcow2' },
    cause: { message: expect.stringMatching(words) },
  });
  expect(await sockets(folder.path)).toEqual([]);
});

test('a directory that is too deep for the path of a socket is used all the same', async () => {
  await using folder = await testFolder();
  const deep = join(folder.path, 'x'.repeat(100), 'y'.repeat(100));
  await mkdir(deep, { recursive: true });
  const path = join(folder.path, 'image');
  await writeFile(path, testPattern(MiB));
  const volume = await openVolume({ path, format: 'raw', readOnly: false, startsZeroed: false }, deep, signal);
  expect(await sockets(deep)).toHaveLength(1);
  await volume.write(5, Buffer.from('deep'), signal);
  expect((await volume.read(5, 4, signal)).toString()).toBe('deep');
  await volume.close();
  expect(await sockets(deep)).toEqual([]);
});

test('canceling while qemu-nbd starts leaves nothing', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'image');
  await writeFile(path, testPattern(MiB));
  const cancel = new AbortController();
  const volume = { path, format: 'raw', readOnly: true, startsZeroed: false } as const;
  const opening = openVolume(volume, folder.path, cancel.signal);
  cancel.abort(new Error('enough'));
  await expect(opening).rejects.toThrow('enough');
  expect(await sockets(folder.path)).toEqual([]);
});

test.skipIf(!existsSync('/dev/shm'))('where O_DIRECT does not work a volume opens all the same', async () => {
  const folder = await mkdtemp('/dev/shm/wherry-');
  try {
    const path = join(folder, 'volume');
    await writeFile(path, testPattern(MiB));
    const volume = await openVolume({ path, format: 'raw', readOnly: false, startsZeroed: false }, folder, signal);
    await volume.write(4096, Buffer.alloc(4096, 3), signal);
    await volume.flush(signal);
    await volume.close();
    expect((await readFile(path)).subarray(4096, 8192).equals(Buffer.alloc(4096, 3))).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the holes of a sparse raw file are found without reading them, the bytes come from the file', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'sparse');
  const content = testPattern(2 * MiB);
  await writeFile(path, content);
  await truncate(path, 64 * MiB);
  expect((await stat(path)).blocks * 512).toBeLessThan(4 * MiB);
  const disk = await openRawRange({ path, offset: MiB, lengthBytes: 32 * MiB }, folder.path, signal);
  const extents = await Array.fromAsync(disk.extents({ offset: 0, length: 32 * MiB }, signal));
  expect(extents).toEqual([
    { offset: 0, length: MiB, kind: 'data' },
    { offset: MiB, length: 31 * MiB, kind: 'zero' },
  ]);
  expect((await disk.read(0, MiB, signal)).equals(content.subarray(MiB))).toBe(true);
  await disk.close();
  expect(await sockets(folder.path)).toEqual([]);
});
