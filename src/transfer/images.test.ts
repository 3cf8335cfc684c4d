/** Images that are far away: what is made here for reading them goes again. */
import { mkdirSync, watch } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runChild } from '../process/child.ts';
import type { StoredImage } from './disk.ts';
import { createImageTools } from './images.ts';

const signal = new AbortController().signal;
const tools = createImageTools();
let work = '';
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'wherry-images-'));
  await runChild('qemu-img', ['create', '-q', '-f', 'qcow2', join(work, 'far.qcow2'), '1M'], { signal });
});
afterAll(() => rm(work, { recursive: true, force: true }));

/** `far.qcow2` as a web server would give it. */
async function withFar(use: (image: StoredImage) => Promise<void>): Promise<void> {
  await using file = await open(join(work, 'far.qcow2'));
  const { size } = await file.stat();
  const read = async (offset: number, length: number): Promise<Buffer> => {
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer;
  };
  const remote = { sizeBytes: size, identity: 'one', read };
  const place = { path: 'https://images/far.qcow2', offset: 0, lengthBytes: size, remote, sibling: () => null };
  await use({ ...place, format: 'qcow2', gzip: false, vm: 'web', disk: 'far.qcow2' });
}

test('an image far away leaves nothing in the worker’s directory when it is closed, nor when it could not be served', async () => {
  await withFar(async (image) => {
    const directory = join(work, 'sockets');
    await mkdir(directory, { mode: 0o700 });
    const disk = await tools.openStored(image, directory, signal);
    expect(disk.sizeBytes).toBe(1024 * 1024);
    expect(await readdir(directory)).not.toEqual([]); // the control
    await disk.close();
    expect(await readdir(directory)).toEqual([]);

    // Something is in the way of the socket: told of the folder by the kernel before whoever made it knows that it is there.
    const made: string[] = [];
    const watched = watch(directory, (kind, name) => {
      if (kind !== 'rename' || name === null || made.includes(name)) return;
      made.push(name);
      mkdirSync(join(directory, name, 's'));
    });
    try {
      await expect(tools.openStored(image, directory, signal)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    } finally {
      watched.close();
    }
    expect(made).toHaveLength(1);
    expect(await readdir(directory)).toEqual([]);
  });
});
