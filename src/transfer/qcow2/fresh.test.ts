import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runChild } from '../../process/child.ts';
import { sharedMemory } from '../memory.ts';
import { openVolume } from '../nbd/volume.ts';
import { clusterBytes } from './fresh-layout.ts';

const MiB = 1024 * 1024;
const { signal } = new AbortController();
let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-fresh-'));
  path = join(directory, 'disk.qcow2');
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const create = (size: string) => runChild('qemu-img', ['create', '-q', '-f', 'qcow2', path, size]);
const open = (readOnly = false) =>
  openVolume({ path, format: 'qcow2', readOnly, startsZeroed: true }, directory, signal);
const check = () => runChild('qemu-img', ['check', '-f', 'qcow2', '--output=json', path]).then(JSON.parse);

function pattern(bytes: number, seed: number): Buffer {
  const buffer = sharedMemory(bytes);
  for (let at = 0; at < bytes; at += clusterBytes)
    buffer.fill(1 + ((seed + at / clusterBytes) % 255), at, at + clusterBytes);
  return buffer.subarray(0, bytes);
}

async function holds(offset: number, expected: Buffer): Promise<void> {
  const disk = await open(true);
  try {
    expect((await disk.read(offset, expected.length, signal)).equals(expected)).toBe(true);
  } finally {
    await disk.close();
  }
}

describe('a qcow2 target that nothing was written to', () => {
  it('takes data in any order at once, holds it, has no leaks, and no more than was written', async () => {
    await create('3G');
    const disk = await open();
    const places = [2048, 0, 511, 600, 1024].map((mib) => mib * MiB);
    await Promise.all(places.map((offset, index) => disk.write(offset, pattern(4 * MiB, index), signal)));
    // Again, elsewhere: what is there already is written where it is.
    await disk.write(places[1] ?? 0, pattern(4 * MiB, 77), signal);
    await disk.flush(signal);
    expect((await stat(path)).size).toBeGreaterThan(900 * MiB); // Reserved: it has not gone by qemu-nbd.
    await disk.close();
    expect((await stat(path)).size).toBeLessThan(22 * MiB);
    expect(await check()).toMatchObject({ 'check-errors': 0 });
    expect(await check()).not.toHaveProperty('leaks');
    await holds(0, pattern(4 * MiB, 77));
    for (const [index, offset] of places.entries()) if (index !== 1) await holds(offset, pattern(4 * MiB, index));
    await holds(100 * MiB, Buffer.alloc(MiB));
  });

  it('is handed over to qemu-nbd by what needs it, and goes on there', async () => {
    await create('64M');
    const disk = await open();
    await Promise.all([
      disk.write(0, pattern(4 * MiB, 5), signal),
      disk.write(8 * MiB + 512, Buffer.alloc(1024, 7), signal),
      disk.write(16 * MiB, pattern(4 * MiB, 9), signal),
    ]);
    await disk.zero(MiB, MiB, signal);
    await disk.write(32 * MiB, pattern(MiB, 3), signal);
    await disk.flush(signal);
    await disk.close();
    expect(await check()).toMatchObject({ 'check-errors': 0 });
    await holds(0, pattern(MiB, 5));
    await holds(MiB, Buffer.alloc(MiB));
    await holds(8 * MiB + 512, Buffer.alloc(1024, 7));
    await holds(16 * MiB, pattern(4 * MiB, 9));
    await holds(32 * MiB, pattern(MiB, 3));
  });

  it('is locked while it is written: a second writer is refused', async () => {
    await create('64M');
    const disk = await open();
    await disk.write(0, pattern(MiB, 1), signal);
    await expect(open()).rejects.toMatchObject({ code: 'transfer.qemu_nbd_failed' });
    await disk.close();
  });

  it('goes beyond the counts of one block: 2 GiB of clusters', { timeout: 180_000 }, async () => {
    await create('3G');
    const disk = await open();
    const data = pattern(64 * MiB, 1);
    for (let mib = 0; mib < 2176; mib += 64) await disk.write(mib * MiB, data, signal);
    await disk.close();
    expect(await check()).toMatchObject({ 'check-errors': 0 });
    expect(await check()).not.toHaveProperty('leaks');
    await holds(2112 * MiB, data);
    await holds(1984 * MiB, data);
  });

  it('killed at any time: no errors but leaks, and what was flushed is there', { timeout: 180_000 }, async () => {
    let leaks = 0;
    for (const round of [1, 2, 5, 9, 14]) {
      await create('256M');
      const args = [join(import.meta.dirname, 'fresh-killed.ts'), path, directory];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      let safe = 0;
      let lines = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        safe = Number(line);
        lines += 1;
        if (lines === round) child.kill('SIGKILL');
      }
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      expect(child.signalCode).toBe('SIGKILL');
      const found = await runChild('sh', [
        '-c',
        'qemu-img check -f qcow2 --output=json "$1" || test $? = 3',
        'sh',
        path,
      ]);
      const facts = JSON.parse(found);
      expect(facts).toMatchObject({ 'check-errors': 0 });
      expect(facts).not.toHaveProperty('corruptions');
      leaks += facts.leaks ?? 0;
      await holds(0, pattern(safe * MiB, 0));
      // The next writer gives them back, and goes on by qemu-nbd.
      const again = await open();
      await again.write(255 * MiB, pattern(MiB, 8), signal);
      await again.flush(signal);
      await again.close();
      expect(await check()).not.toHaveProperty('leaks');
      await holds(0, pattern(safe * MiB, 0));
      await rm(path);
    }
    expect(leaks).toBeGreaterThan(0);
  });
});
