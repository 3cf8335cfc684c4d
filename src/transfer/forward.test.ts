import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { restoreClusters } from './apply.ts';
import type { Disk, Extent } from './disk.ts';
import { readingForward } from './forward.ts';
import { createImageTools } from './images.ts';
import { testDisk, testPattern } from './test-disk.ts';

const MiB = 1024 * 1024;
const never = new AbortController().signal;
const content = testPattern(9 * MiB + 512);
content.fill(0, 4 * MiB, 5 * MiB);

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-forward-'));
  await writeFile(join(directory, 'disk.gz'), gzipSync(content, { level: 1 }));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function gzipped(): Promise<Disk> {
  const path = join(directory, 'disk.gz');
  const { size } = await stat(path);
  const image = { path, offset: 0, lengthBytes: size, format: 'raw', gzip: true, declaredSizeBytes: content.length };
  return createImageTools().openStored(
    { ...image, format: 'raw', vm: 'web', disk: 'sda', sibling: () => null },
    directory,
    never,
  );
}

it('a disk that can only be read in order is read at places that go up, and nowhere else', async () => {
  const plain = await gzipped();
  expect(plain.access).toBe('sequential');
  await expect(plain.read(5 * MiB, 512, never)).rejects.toThrow('is next');
  await plain.close();

  const disk = await gzipped();
  const read = readingForward(disk);
  for (const [offset, length] of [
    [3 * MiB + 7, 100],
    [3 * MiB + 107, 1],
    [content.length - 512, 512],
  ] as const) {
    expect((await read(offset, length, never)).equals(content.subarray(offset, offset + length))).toBe(true);
  }
  await expect(read(0, 512, never)).rejects.toThrow('comes after');
  await disk.close();
});

it('clusters of a half-applied conversion get the content of a gzip’d source back', async () => {
  const target = testDisk(Buffer.from(content));
  const clusters: Extent[] = [
    { offset: 65536, length: 65536, kind: 'data' },
    { offset: 2 * MiB, length: 3 * MiB + 65536, kind: 'zero' },
    { offset: 9 * MiB, length: 65536, kind: 'data' }, // past the end of the disk
  ];
  for (const { offset, length } of clusters) {
    target.content.fill(0xdb, offset, Math.min(offset + length, content.length));
  }
  expect(target.content.equals(content)).toBe(false);
  const source = await gzipped();
  await restoreClusters({ diskId: 'sda', source, target, clusters }, never);
  await source.close();
  expect(target.content.equals(content)).toBe(true);
});
