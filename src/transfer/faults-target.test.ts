/** Targets that fail, fill up, lie about zeros or keep something else than they were given. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runChild } from '../process/child.ts';
import { throughFaults } from '../../test/peers/faulty-disk.ts';
import { makeSmallSpace } from '../../test/peers/small-space.ts';
import { copyDisk } from './copy.ts';
import { crashDisk } from './crash-disk.ts';
import { leafDigest } from './digest.ts';
import type { Extent, WritableDisk } from './disk.ts';
import { openJournal } from './journal.ts';
import { type NbdDisk, connectNbd } from './nbd/client.ts';
import { nbdkit, testFolder } from './nbd/test-peers.ts';
import { openVolume } from './nbd/volume.ts';
import { testPattern } from './test-disk.ts';
import { type Mismatch, verifyDisk } from './verify.ts';

const MiB = 1024 * 1024;
const { signal } = new AbortController();
const quick = { attempts: 8, firstDelayMs: 1, longestDelayMs: 20 };
const sizeBytes = 24 * MiB;
const extents: Extent[] = [
  { offset: 0, length: 8 * MiB, kind: 'data' },
  { offset: 8 * MiB, length: 8 * MiB, kind: 'zero' },
  { offset: 16 * MiB, length: 8 * MiB, kind: 'data' },
];
const content = testPattern(sizeBytes);
content.fill(0, 8 * MiB, 16 * MiB);
content.fill(0, 17 * MiB, 18 * MiB); // zeros that the source calls data
const source = (): WritableDisk => crashDisk(content, { extents });

async function whole(disk: NbdDisk): Promise<Buffer> {
  return disk.read(0, sizeBytes, signal);
}

test('a target whose writes fail now and then ends up with every byte', async () => {
  await using folder = await testFolder();
  const words = ['error-pwrite=EIO', 'error-pwrite-rate=20%', 'error-zero=EIO', 'error-zero-rate=20%'];
  await using server = await nbdkit(folder.path, '--filter=error', 'memory', `${sizeBytes}`, ...words);
  const target = await connectNbd({ ...server, startsZeroed: false }, signal);
  const tuning = { writeBytes: 256 * 1024 };
  await copyDisk({ diskId: 'sda', source: source(), target, retry: quick, tuning }, signal);
  expect((await whole(target)).equals(content)).toBe(true);
  await target.close();
});

test('a slow target (delay and rate) is waited for, and the copy says that it was the target', async () => {
  await using folder = await testFolder();
  const words = ['memory', `${sizeBytes}`, 'wdelay=100ms', 'rate=400M'];
  await using server = await nbdkit(folder.path, '--filter=delay', '--filter=rate', ...words);
  const target = await connectNbd({ ...server, startsZeroed: true }, signal);
  const { waited } = await copyDisk({ diskId: 'sda', source: source(), target }, signal);
  expect(waited.target).toBeGreaterThan(waited.source);
  expect((await whole(target)).equals(content)).toBe(true);
  await target.close();
});

test('a full target is said to be full, at once and by name', async () => {
  await using folder = await testFolder();
  await using server = await nbdkit(folder.path, 'full', `size=${sizeBytes}`);
  const target = await connectNbd({ ...server, startsZeroed: true, where: 'the volume' }, signal);
  const began = performance.now();
  await expect(copyDisk({ diskId: 'sda', source: source(), target }, signal)).rejects.toMatchObject({
    code: 'transfer.no_space',
    params: { disk: 'sda', where: 'the volume', errno: 'ENOSPC' },
  });
  expect(performance.now() - began).toBeLessThan(5_000);
  await target.close();
});

test.skipIf(process.getuid?.() !== 0).each(['raw', 'qcow2'] as const)(
  'a file system that fills up in the middle of a %s image ends the copy so; with room again it goes on',
  async (format) => {
    await using folder = await testFolder();
    await using small = await makeSmallSpace(12 * MiB);
    const path = join(small.seenFromHere, `target.${format}`);
    await runChild('qemu-img', ['create', '-q', '-f', format, path, String(sizeBytes)]);
    const open = (): Promise<WritableDisk> =>
      openVolume({ path, format, readOnly: false, startsZeroed: true }, folder.path, signal);
    const header = { diskId: 'sda', sizeBytes, identity: 'i' };
    const journalPath = join(folder.path, 'journal');
    {
      const target = await open();
      await using journal = await openJournal(journalPath, header);
      const copying = copyDisk({ diskId: 'sda', source: source(), target, journal, retry: quick }, signal);
      await expect(copying).rejects.toMatchObject({ code: 'transfer.no_space', params: { disk: 'sda' } });
      await target.close();
    }
    await runChild(small.launcher[0] ?? '', [
      ...small.launcher.slice(1),
      'mount',
      '-o',
      `remount,size=${64 * MiB}`,
      small.path,
    ]);
    const target = await open();
    await using journal = await openJournal(journalPath, header);
    await copyDisk({ diskId: 'sda', source: source(), target, journal }, signal);
    expect((await target.read(0, sizeBytes, signal)).equals(content)).toBe(true);
    await target.close();
  },
);

test('a target that does not read back zeros where it was never written is written in full', async () => {
  await using folder = await testFolder();
  await using server = await nbdkit(folder.path, 'data', `0xff*${sizeBytes}`);
  const target = await connectNbd(server, signal);
  expect(target.startsZeroed).toBe(false);
  expect((await target.read(9 * MiB, 4, signal)).toString('hex')).toBe('ffffffff');
  const { coverage } = await copyDisk({ diskId: 'sda', source: source(), target }, signal);
  expect((await whole(target)).equals(content)).toBe(true);
  const open = (): Promise<NbdDisk> => connectNbd(server, signal);
  await verifyDisk({ diskId: 'sda', open, coverage }, signal);
  await target.close();
});

test('(control) a target that only says it does is found out when it is read back', async () => {
  await using folder = await testFolder();
  await using server = await nbdkit(folder.path, 'data', `0xff*${sizeBytes}`);
  const target = await connectNbd({ ...server, startsZeroed: true }, signal);
  const { coverage } = await copyDisk({ diskId: 'sda', source: source(), target }, signal);
  expect((await whole(target)).equals(content)).toBe(false);
  const open = (): Promise<NbdDisk> => connectNbd(server, signal);
  await expect(verifyDisk({ diskId: 'sda', open, coverage }, signal)).rejects.toMatchObject({
    code: 'transfer.verify_mismatch',
  });
  await target.close();
});

test.each(['raw', 'qcow2'] as const)(
  'a %s target that spoils a bit is found out and named by its leaf',
  async (format) => {
    await using folder = await testFolder();
    const path = join(folder.path, 'target');
    await runChild('qemu-img', ['create', '-q', '-f', format, path, String(sizeBytes)]);
    const open = (readOnly: boolean): Promise<WritableDisk> =>
      openVolume({ path, format, readOnly, startsZeroed: true }, folder.path, signal);
    const flips = [{ offset: 20 * MiB + 5, bit: 2, inHole: false }];
    const device = { flips, times: 1, unreadable: [] };
    const target = await throughFaults(await open(false), device, join(folder.path, 'fault'), signal);
    await using journal = await openJournal(join(folder.path, 'journal'), { diskId: 'sda', sizeBytes, identity: 'i' });
    const { coverage } = await copyDisk({ diskId: 'sda', source: source(), target, journal }, signal);
    await target.close();
    const told: Mismatch[] = [];
    const wrong = Buffer.from(content.subarray(20 * MiB));
    wrong[5] = (wrong[5] ?? 0) ^ 4;
    const [expected, found] = [leafDigest(content.subarray(20 * MiB)), leafDigest(wrong)].map((d) => d.toString('hex'));
    const request = { diskId: 'sda', coverage, open: () => open(true), onMismatch: (one: Mismatch) => told.push(one) };
    await expect(
      verifyDisk({ ...request, leavesOf: (chunk) => journal.leavesOf(chunk) }, signal),
    ).rejects.toMatchObject({
      code: 'transfer.verify_mismatch',
      params: { disk: 'sda', offset: 20 * MiB, length: 4 * MiB, expected, found },
    });
    expect(told).toEqual([{ chunk: 0, offset: 20 * MiB, length: 4 * MiB, expected, found }]);
  },
);

test('a target that goes away in the middle is opened again, and what it had not flushed is copied again', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'target.raw');
  await writeFile(path, Buffer.alloc(sizeBytes));
  const start = () => nbdkit(folder.path, '--filter=delay', 'file', path, 'wdelay=20ms');
  let server = await start();
  const target = await connectNbd({ ...server, startsZeroed: true }, signal);
  let opened = 0;
  const large = crashDisk(randomBytes(sizeBytes));
  let reads = 0;
  large.before = async (call) => {
    if (call !== 'read' || (reads += 1) !== 18) return;
    server.child.process.kill('SIGKILL');
    await server.child.exited;
    server = await start();
  };
  const reopenTarget = async (): Promise<NbdDisk> => {
    opened += 1;
    return connectNbd({ ...server, startsZeroed: true }, signal);
  };
  const { restarts } = await copyDisk({ diskId: 'sda', source: large, target, reopenTarget, retry: quick }, signal);
  await target.close();
  expect(restarts).toBeGreaterThan(0);
  expect(opened).toBeGreaterThanOrEqual(restarts);
  const back = await connectNbd(server, signal);
  expect((await whole(back)).equals(large.content)).toBe(true);
  await back.close();
  await server[Symbol.asyncDispose]();
});
