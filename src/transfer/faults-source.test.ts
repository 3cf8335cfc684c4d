/** Sources that fail, by nbdkit's filters: what may pass is waited for, what may not is named, and no byte is wrong. */
import { existsSync } from 'node:fs';
import { rm, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type CopyRequest, type CopyResult, copyDisk } from './copy.ts';
import { type CrashDisk, crashDisk } from './crash-disk.ts';
import { createImageTools } from './images.ts';
import { openJournal } from './journal.ts';
import { type NbdDisk, connectNbd } from './nbd/client.ts';
import { nbdkit, testFolder } from './nbd/test-peers.ts';
import { testPattern } from './test-disk.ts';
import { createLimit } from './throttle.ts';

const MiB = 1024 * 1024;
const { signal } = new AbortController();
const quick = { attempts: 8, firstDelayMs: 1, longestDelayMs: 20 };

/** 24 MiB, of which 8 to 16 are a hole, in a file. */
const content = testPattern(24 * MiB);
content.fill(0, 8 * MiB, 16 * MiB);

const hex = (value: number): string => `0x${value.toString(16)}`;

async function copied(
  source: NbdDisk,
  more: Partial<CopyRequest> = {},
): Promise<{ readonly result: CopyResult; readonly target: CrashDisk }> {
  const target = crashDisk(Buffer.alloc(content.length));
  try {
    const result = await copyDisk({ diskId: 'sda', source, target, retry: quick, ...more }, signal);
    return { result, target };
  } finally {
    await source.close();
  }
}

test.each([
  ['every tenth read', ['--filter=error'], ['error-pread=EIO', 'error-pread-rate=10%']],
  ['every third map of holes', ['--filter=error'], ['error-extents=EIO', 'error-extents-rate=30%']],
  ['every read for a while, which nbdkit’s retry waits for', ['--filter=retry', '--filter=error'], 'trigger'],
] as const)('a source that fails %s is copied all the same', async (_what, filters, words) => {
  await using folder = await testFolder();
  const path = join(folder.path, 'disk');
  const trigger = join(folder.path, 'failing');
  await writeFile(path, content);
  await writeFile(trigger, '');
  const settings = typeof words === 'string' ? ['error-pread=EIO', `error-pread-file=${trigger}`] : [...words];
  const retry = typeof words === 'string' ? ['error-pread-rate=100%', 'retry-delay=1'] : [];
  await using server = await nbdkit(folder.path, ...filters, 'file', path, ...settings, ...retry);
  setTimeout(() => void rm(trigger, { force: true }), 300);
  const { target } = await copied(await connectNbd(server, signal));
  expect(target.content.equals(content)).toBe(true);
});

test('a sector that cannot be read ends the copy with disk and offset; what was copied by then stays copied', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'disk');
  const map = join(folder.path, 'map');
  await writeFile(path, content);
  const bad = 20 * MiB + 512;
  const lines = [`0x0 ${hex(bad)} +`, `${hex(bad)} 0x200 -`, `${hex(bad + 512)} ${hex(content.length - bad - 512)} +`];
  await writeFile(map, `0x0 +\n${lines.join('\n')}\n`);
  await using broken = await nbdkit(folder.path, '--filter=ddrescue', 'file', path, `ddrescue-mapfile=${map}`);
  const target = crashDisk(Buffer.alloc(content.length));
  const header = { diskId: 'sda', sizeBytes: content.length, identity: 'i' };
  const open = async (): Promise<NbdDisk> => connectNbd({ ...broken, where: 'the export' }, signal);
  {
    await using journal = await openJournal(join(folder.path, 'journal'), header);
    const source = await open();
    const request = { diskId: 'sda', source, target, journal, retry: quick, reopenSource: open };
    const began = performance.now();
    const error: unknown = await copyDisk(request, signal).catch((e: unknown) => e);
    await source.close();
    expect(error).toMatchObject({
      code: 'transfer.copy_failed',
      params: { disk: 'sda', side: 'source', offset: 20 * MiB },
      cause: { code: 'transfer.read_failed', params: { where: 'the export', errno: 'EIO' } },
    });
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(journal.coverage.doneLeaves).toBeGreaterThan(0);
    expect(journal.coverage.complete).toBe(false);
  }
  // Mended, it goes on from there.
  await using mended = await nbdkit(folder.path, 'file', path);
  await using journal = await openJournal(join(folder.path, 'journal'), header);
  const before = journal.coverage.doneLeaves * 4 * MiB;
  const source = await connectNbd(mended, signal);
  const result = await copyDisk({ diskId: 'sda', source, target, journal }, signal);
  await source.close();
  expect(result.bytesMoved).toBeLessThanOrEqual(content.length - before);
  expect(target.content.equals(content)).toBe(true);
});

test('a slow source (delay and rate) is waited for, and the copy says that it was the source', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'disk');
  await writeFile(path, content);
  const filters = ['--filter=delay', '--filter=rate'];
  await using server = await nbdkit(folder.path, ...filters, 'file', path, 'rdelay=50ms', 'rate=400M');
  const { result, target } = await copied(await connectNbd(server, signal));
  expect(target.content.equals(content)).toBe(true);
  expect(result.waited.source).toBeGreaterThan(result.waited.target);
});

test('a server that gives out one connection only is copied over that one', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'disk');
  await writeFile(path, content);
  await using server = await nbdkit(folder.path, '--filter=limit', 'file', path, 'limit=1');
  const source = await connectNbd(server, signal);
  expect(source.connectionCount).toBe(1);
  const { target } = await copied(source);
  expect(target.content.equals(content)).toBe(true);
});

test('a server that stands still for a while is waited for', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'disk');
  const control = join(folder.path, 'control');
  await writeFile(path, content);
  await using server = await nbdkit(folder.path, '--filter=pause', 'file', path, `pause-control=${control}`);
  const source = await connectNbd(server, signal);
  const valve = connect({ path: control });
  const answer = (): Promise<string> => new Promise((resolve) => valve.once('data', (data) => resolve(String(data))));
  valve.write('p');
  expect(await answer()).toBe('P');
  let ended = false;
  const copying = copied(source).finally(() => {
    ended = true;
  });
  await sleep(200);
  expect(ended).toBe(false);
  valve.write('r');
  expect(await answer()).toBe('R');
  expect((await copying).target.content.equals(content)).toBe(true);
  valve.destroy();
});

test('a connection that dies in the middle is opened again, once its server is back', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'disk');
  await writeFile(path, content);
  const start = () => nbdkit(folder.path, '--filter=delay', 'file', path, 'rdelay=5ms');
  let server = await start();
  const source = await connectNbd(server, signal);
  let opened = 0;
  const reopenSource = async (): Promise<NbdDisk> => {
    opened += 1;
    return connectNbd(server, signal);
  };
  // Reads of 64 KiB through a limit: it dies with most of the disk to go.
  const limit = createLimit(() => 32 * MiB);
  const copying = copied(source, {
    reopenSource,
    limits: [limit],
    retry: { ...quick, attempts: 20, longestDelayMs: 200 },
  });
  await sleep(150);
  server.child.process.kill('SIGKILL');
  await server.child.exited;
  await sleep(100);
  server = await start();
  const { target } = await copying;
  await server[Symbol.asyncDispose]();
  expect(opened).toBeGreaterThan(0);
  expect(target.content.equals(content)).toBe(true);
});

test('a server that never comes back ends the copy, in words about the connection', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'disk');
  await writeFile(path, content);
  await using server = await nbdkit(folder.path, '--filter=delay', 'file', path, 'rdelay=50ms');
  const source = await connectNbd(server, signal);
  const reopenSource = (): Promise<NbdDisk> => connectNbd(server, signal);
  const copying = copied(source, { reopenSource }).catch((error: unknown) => error);
  await sleep(20);
  server.child.process.kill('SIGKILL');
  await rm(server.socketPath, { force: true });
  expect(await copying).toMatchObject({
    code: 'transfer.copy_failed',
    params: { disk: 'sda', side: 'source' },
    cause: { code: expect.stringMatching(/^transfer\.(connect_failed|connection_lost)$/) },
  });
});

test('a file that is cut off while it is copied is an error with disk and place, never zeros', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'disk.raw');
  await writeFile(path, testPattern(24 * MiB));
  const place = { path, offset: 0, lengthBytes: 24 * MiB, gzip: false, sibling: () => null };
  const tools = createImageTools();
  const source = await tools.openStored({ ...place, format: 'raw', vm: 'vm', disk: 'sda' }, folder.path, signal);
  const target = crashDisk(Buffer.alloc(24 * MiB));
  target.before = (call) => (call === 'write' ? truncate(path, 10 * MiB) : undefined);
  const tuning = { slots: 2, readAheadBytes: 4 * MiB };
  const copying = copyDisk({ diskId: 'sda', source, target, tuning }, signal);
  await expect(copying).rejects.toMatchObject({
    code: 'transfer.source_shrank',
    params: { disk: 'sda', path, end: 10 * MiB, needed: 24 * MiB },
  });
  await source.close();
});

test('zeros are found where nobody knows the holes', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'disk');
  await writeFile(path, content);
  await using server = await nbdkit(folder.path, '--filter=noextents', 'file', path);
  const { result, target } = await copied(await connectNbd(server, signal));
  expect(target.content.equals(content)).toBe(true);
  expect(result.bytesMoved).toBe(24 * MiB);
  expect(target.counts.bytesWritten).toBe(16 * MiB);
  expect(existsSync(path)).toBe(true);
});
