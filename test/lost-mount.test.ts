/** Storage that is lost while it is read: what can come back is waited for, what does not ends with the system's own words. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { asStorageAway } from '../src/model/system-errors.ts';
import { identityOfFile, openLocalFile } from '../src/providers/local/local-file.ts';
import type { InventoryNews } from '../src/providers/provider.ts';
import { copyDisk } from '../src/transfer/copy.ts';
import { crashDisk } from '../src/transfer/crash-disk.ts';
import type { Disk } from '../src/transfer/disk.ts';
import { openFileRange } from '../src/transfer/file.ts';
import { createProviders } from '../src/wiring.ts';
import { fuseFile, noFuse } from './peers/fuse-file.ts';

vi.setConfig({ testTimeout: 60_000 });
const MiB = 1024 * 1024;
const { signal } = new AbortController();
const why = await noFuse();
const mounted = why === null ? '' : ` (skipped: ${why})`;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'wherry-lost-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function imageOf(content: Buffer): Promise<string> {
  const path = join(root, 'image');
  await writeFile(path, content);
  return path;
}

test.skipIf(why !== null)(`a file on a lost mount is not taken for one that is not there${mounted}`, async () => {
  const image = await imageOf(randomBytes(MiB));
  const number = await fuseFile(image, join(root, 'other')); // given back, for the second mount to get it
  await using file = await fuseFile(image, join(root, 'shown'));
  await using before = await openLocalFile(file.path);
  expect(before.sizeBytes).toBe(MiB);
  const { dev } = await stat(file.path);
  await file.lose();
  await number[Symbol.asyncDispose]();
  const lost = { code: 'source.read_failed', passing: true, cause: { code: 'ENOTCONN' } };
  await expect(openLocalFile(file.path)).rejects.toMatchObject(lost);
  // The kernel knows its attributes for a second longer.
  await vi.waitFor(() => expect(identityOfFile(file.path)).rejects.toMatchObject(lost), 10_000);
  await expect(before.read(0, 512)).rejects.toMatchObject({ code: 'source.read_failed', passing: true });
  // The system's own error, from wherever a step has it.
  const raw: unknown = await open(file.path).catch((error: unknown) => error);
  expect(asStorageAway(raw)).toMatchObject({
    code: 'transfer.storage_away',
    passing: true,
    params: { errno: 'ENOTCONN', path: file.path },
  });
  // Controls: what really is not there, and an error of another kind.
  await expect(openLocalFile(join(root, 'nothing'))).rejects.toMatchObject({
    code: 'source.not_found',
    passing: false,
  });
  const absent: unknown = await open(join(root, 'nothing')).catch((error: unknown) => error);
  expect(asStorageAway(absent)).toBe(absent);
  await file.comeBack();
  await using again = await openLocalFile(file.path);
  expect((await stat(file.path)).dev).not.toBe(dev); // (control) it is another device now
  // This mount's times are those of its beginning, so only what stands before them is the same.
  expect(again.identity.split(':').slice(0, -2)).toEqual(before.identity.split(':').slice(0, -2));
});

/** Copies an image that is shown on a mount, which is lost at the fourth read, and back after some tries or never. */
async function copyOverLoss(content: Buffer, back: boolean) {
  await using file = await fuseFile(await imageOf(content), join(root, 'shown'));
  const openSource = (): Promise<Disk> =>
    openFileRange({ path: file.path, offset: 0, lengthBytes: content.length }, signal);
  const target = crashDisk(Buffer.alloc(content.length));
  const source = await openSource();
  let [reads, opened] = [0, 0];
  const observed: Disk = {
    sizeBytes: source.sizeBytes,
    access: source.access,
    extents: (range, during) => source.extents(range, during),
    read: async (offset, length, during) => {
      reads += 1;
      if (reads === 4) await file.lose();
      return source.read(offset, length, during);
    },
    close: () => source.close(),
  };
  const request = {
    diskId: 'sda',
    source: observed,
    target,
    retry: { attempts: 5, firstDelayMs: 20, longestDelayMs: 200, totalMs: 60_000 },
    reopenSource: async () => {
      opened += 1;
      if (back && opened === 3) await file.comeBack();
      return openSource();
    },
  };
  const error: unknown = await copyDisk(request, signal).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  await observed.close();
  return { error, opened, isSame: target.content.equals(content) };
}

test.skipIf(why !== null)(`a copy waits for a mount that is lost in the middle, and goes on${mounted}`, async () => {
  const { error, opened, isSame } = await copyOverLoss(randomBytes(48 * MiB), true);
  expect({ error, isSame }).toEqual({ error: null, isSame: true });
  expect(opened).toBeGreaterThanOrEqual(3);
});

test.skipIf(why !== null)(`a copy from a mount that does not come back ends, with its words${mounted}`, async () => {
  const { error, opened } = await copyOverLoss(randomBytes(48 * MiB), false);
  const place = { code: 'transfer.copy_failed', params: { disk: 'sda', side: 'source' } };
  expect(error).toMatchObject({ ...place, cause: { code: 'ENOTCONN' } });
  expect(opened).toBeGreaterThan(1); // it was tried
});

test('a store whose directory goes away with all that is over it is tried again, and read when it is back', async () => {
  const mount = join(root, 'mount');
  const location = join(mount, 'store');
  await mkdir(location, { recursive: true });
  await writeFile(join(location, 'web.raw'), randomBytes(MiB));
  await utimes(join(location, 'web.raw'), 1e9, 1e9); // what was written just now is left until it rests
  const connect = () => createProviders().connect({ account: { type: 'ova', location }, secrets: {} }, signal);
  const gone = { code: 'source.gone', passing: true, params: { path: location, missing: mount } };
  {
    await using connection = await connect();
    const watching = connection.watchInventory(signal)[Symbol.asyncIterator]();
    const next = async (): Promise<InventoryNews> => (await watching.next()).value as InventoryNews;
    while ((await next()).kind !== 'synced');
    await rename(mount, join(root, 'away'));
    await writeFile(join(root, 'away', 'store', 'news'), ''); // wakes the watch at once
    await expect(next()).rejects.toMatchObject(gone);
  }
  await expect(connect()).rejects.toMatchObject(gone);
  await rename(join(root, 'away'), mount);
  await using connection = await connect();
  const found = await connection.readVm(join(location, 'web.raw'), signal);
  expect(found?.name).toBe('web');
});
