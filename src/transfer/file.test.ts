import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFileRange } from './file.ts';
import { testFolder } from './nbd/test-peers.ts';
import { testPattern } from './test-disk.ts';

const { signal } = new AbortController();

test('a part of a file is a disk of its own, many reads at once', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, testPattern(1_000_000));
  const part = (await readFile(path)).subarray(1234, 901_234);
  const disk = await openFileRange({ path, offset: 1234, lengthBytes: 900_000 }, signal);
  expect(disk).toMatchObject({ sizeBytes: 900_000, access: 'random' });
  const offsets = Array.from({ length: 90 }, (_, index) => index * 10_000);
  const reads = await Promise.all(offsets.map((offset) => disk.read(offset, 10_000, signal)));
  expect(Buffer.concat(reads).equals(part)).toBe(true);
  expect(await Array.fromAsync(disk.extents({ offset: 7, length: 70 }, signal))).toEqual([
    { offset: 7, length: 70, kind: 'data' },
  ]);
  await expect(disk.read(899_999, 2, signal)).rejects.toThrow('past the end');
  await disk.close();
  await disk.close();
});

test('a file that is too short at once, or becomes so, is an error and never zeros', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, testPattern(100_000));
  const shrank = { code: 'transfer.source_shrank', passing: false };
  await expect(openFileRange({ path, offset: 1, lengthBytes: 100_000 }, signal)).rejects.toMatchObject(shrank);
  const disk = await openFileRange({ path, offset: 0, lengthBytes: 100_000 }, signal);
  await truncate(path, 50_000);
  expect((await disk.read(0, 50_000, signal)).equals(testPattern(100_000).subarray(0, 50_000))).toBe(true);
  await expect(disk.read(40_000, 20_000, signal)).rejects.toMatchObject({
    ...shrank,
    params: { path, end: 50_000, needed: 100_000 },
  });
  await disk.close();
});

test('a file that is not there is the system’s own error', async () => {
  await expect(openFileRange({ path: '/nowhere/at/all', offset: 0, lengthBytes: 1 }, signal)).rejects.toThrow('ENOENT');
});
