import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { runChild } from '../../src/process/child.ts';
import { type Copy, expectedDigest, MiB, newCopy, newRun, partialOf, type Run, targetDigest } from './ground.ts';

// Hundreds of MiB are copied, read back and compared: a busy machine takes its time.
vi.setConfig({ testTimeout: 300_000 });

/** Trims a chunk and a half of what has data everywhere, and a range that holds no whole leaf. */
const trims = ['write -P 0x11 1M 1M', 'discard 64M 96M', 'discard 193M 3M'];
const others = ['write -P 0x21 66M 1M', 'discard 200M 8M'];

type Copied = { bytesMoved: number; discarded?: { overlayId: string; disks: Record<string, [number, number][]> } };

const chunksOf = ({ chunks }: Copy): number[] => chunks.map(({ chunk }) => chunk).sort((a, b) => a - b);

async function prepared(run: Run): Promise<Run> {
  for (const step of ['preflight', 'create-disks'] as const) await run.step(step);
  return run;
}

test.each(['raw', 'qcow2'] as const)(
  'what a finished conversion has trimmed is not copied to %s, not compared, and reads as zeros once it is applied',
  async (format) => {
    await using copy = await newCopy(256, () => true);
    const run = await prepared(newRun(copy, { format }));
    await run.convert(...trims);
    const { bytesMoved, discarded } = (await run.step('copy')) as Copied;
    expect(bytesMoved).toBe(160 * MiB);
    expect(Object.values(discarded?.disks ?? {})).toEqual([[[64 * MiB, 96 * MiB]]]);
    expect(chunksOf(copy)).toEqual([0, 3]);
    await run.step('verify');
    expect(run.log.filter((line) => line.startsWith('warning'))).toEqual([]);
    await run.step('apply');
    expect(await targetDigest(copy, format)).toBe(await expectedDigest(copy, ...trims));
  },
);

test('a conversion that comes to its end while the copy runs spares what is not copied yet', async () => {
  await using copy = await newCopy(512, () => true);
  const run = await prepared(newRun(copy));
  let told = false;
  run.at = async (point) => {
    if (point !== 'copy.flushed.before-journal' || told) return;
    told = true;
    await run.convert('discard 0 512M');
  };
  const { bytesMoved, discarded } = (await run.step('copy')) as Copied;
  expect(bytesMoved).toBeGreaterThanOrEqual(64 * MiB);
  expect(bytesMoved).toBeLessThan(512 * MiB);
  const left = Object.values(discarded?.disks ?? {}).flat();
  expect(left.reduce((sum, [, length]) => sum + length, 0)).toBe(512 * MiB - bytesMoved);
  await run.step('verify');
  await run.step('apply');
  expect(await targetDigest(copy)).toBe(await expectedDigest(copy, 'discard 0 512M'));
});

test('a chunk that is copied again, because a part of it was wrong, still lacks what was left out of it', async () => {
  await using copy = await newCopy(256, () => true);
  const run = await prepared(newRun(copy));
  await run.convert(...trims);
  const { proved: _, ...copied } = (await run.step('copy')) as Copied & { proved: unknown };
  run.results['copy'] = copied; // what was read back meanwhile is not taken for granted here
  const target = await partialOf(copy, 'raw');
  await runChild('qemu-io', ['-f', 'raw', '-c', `write -P 0x5a ${170 * MiB} 8`, target]);
  await run.step('verify');
  expect(run.log.filter((line) => line.includes('copied once more'))).toHaveLength(1);
  // Of that chunk (128 to 192 MiB) the first half was left out, and is what it was when the image was made.
  await runChild('qemu-io', ['-f', 'raw', '-c', `read -P 0 ${128 * MiB} ${32 * MiB}`, target]);
  await runChild('cmp', ['-i', String(160 * MiB), '-n', String(32 * MiB), copy.source, target]);
});

test('another conversion first gets what the copy left out', async () => {
  await using copy = await newCopy(256, () => true);
  const run = await prepared(newRun(copy));
  await run.convert(...trims);
  await run.step('copy');
  await run.step('verify');
  await run.convert(...others); // its overlays were lost, and made again
  await run.step('apply');
  expect(run.log.join('\n')).toContain('that part is copied now');
  expect(run.reached.filter((point) => point === 'verify.done')).toHaveLength(2); // by verify, and of that part
  expect(await targetDigest(copy)).toBe(await expectedDigest(copy, ...others));
  expect(chunksOf(copy)).toEqual([0, 1, 2, 3]);
});

test('(control) one that did not would lose the guest’s data', async () => {
  await using copy = await newCopy(256, () => true);
  const run = await prepared(newRun(copy));
  await run.convert(...trims);
  const { discarded: _, ...told } = (await run.step('copy')) as Copied;
  await run.step('verify').catch(() => undefined);
  run.results['copy'] = told; // nobody says what was left out
  await run.convert(...others);
  await run.step('apply');
  expect(await targetDigest(copy)).not.toBe(await expectedDigest(copy, ...others));
});

test('overlays that are gone when the copy is verified: what was left out is copied, and all of it is verified', async () => {
  await using copy = await newCopy(256, () => true);
  const run = await prepared(newRun(copy));
  await run.convert(...trims);
  await run.step('copy');
  await rm(join(copy.directory, 'overlay-id'));
  await run.step('verify');
  expect(await targetDigest(copy)).toBe(await expectedDigest(copy));
  expect(chunksOf(copy)).toEqual([0, 1, 2, 3]);
});

test('a retry that converts anew copies what the first had left out, and nothing else', async () => {
  await using copy = await newCopy(256, () => true);
  const before = await prepared(newRun(copy));
  await before.convert(...trims);
  await before.step('copy');
  await before.step('verify');
  await rm(join(copy.directory, 'overlay-id')); // its conversion is not wanted any more
  const run = await prepared(newRun(copy));
  expect(await run.step('copy')).toMatchObject({ bytesMoved: 96 * MiB });
  await run.step('verify');
  expect(await targetDigest(copy)).toBe(await expectedDigest(copy));
});
