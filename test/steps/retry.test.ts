import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Providers } from '../../src/providers/provider.ts';
import { createProviders } from '../../src/wiring.ts';
import { type Copy, expectedDigest, MiB, newCopy, newRun, partialOf, type Run, targetDigest } from './ground.ts';

// Hundreds of MiB are copied, read back and compared: a busy machine takes its time.
vi.setConfig({ testTimeout: 300_000 });

const half = (at: number): boolean => at % 32 < 16;
/** Two conversions: each changes something, trims something, and leaves what the other one has changed. */
const first = ['write -P 0x11 1M 2M', 'write -P 0x12 40M 64k', 'discard 64M 16M'];
const second = ['write -P 0x21 2M 2M', 'discard 32M 8M'];

async function upTo(run: Run, last: 'copy' | 'verify' = 'verify', changes?: readonly string[]): Promise<Run> {
  for (const step of ['preflight', 'create-disks', 'copy', 'verify'] as const) {
    if (step === 'copy' && changes !== undefined) await run.convert(...changes);
    await run.step(step);
    if (step === last) break;
  }
  return run;
}

/** The first VM migration fails while it applies its conversion: some of it is at the target. */
async function halfApplied(copy: Copy, format: 'raw' | 'qcow2'): Promise<Run> {
  const run = await upTo(newRun(copy, { format }));
  await run.convert(...first);
  run.at = (point) => {
    if (point === 'apply.half') throw new Error('killed');
  };
  await expect(run.step('apply')).rejects.toThrow('killed');
  run.checkpoints.set('undo', { keep: true });
  await run.step('undo');
  return run;
}

/** As the server does it: see retry-store.ts. */
const retryOf = (run: Run): Record<string, unknown> => ({ copy: { applied: run.checkpoints.get('apply') } });

test.each(['raw', 'qcow2'] as const)(
  'a retry (%s) whose conversion is another one copies nothing again, and leaves nothing of the first',
  async (format) => {
    await using copy = await newCopy(160, half);
    const before = await halfApplied(copy, format);
    expect(await targetDigest(copy, format)).not.toBe(await expectedDigest(copy));

    const run = await upTo(newRun(copy, { format, checkpoints: retryOf(before), options: { conversion: 'always' } }));
    expect(run.results['copy']).toMatchObject({ bytesMoved: 0 });
    expect(run.log.filter((line) => line.startsWith('warning'))).toEqual([]);
    expect(await targetDigest(copy, format)).toBe(await expectedDigest(copy));
    expect(run.checkpoints.get('copy')).toEqual({});
    await run.convert(...second);
    await run.step('apply');
    expect(await targetDigest(copy, format)).toBe(await expectedDigest(copy, ...second));
  },
);

test('(control) without what it is told of the first, the target is found to be wrong', async () => {
  await using copy = await newCopy(160, half);
  await halfApplied(copy, 'raw');
  const run = await upTo(newRun(copy));
  expect(run.log.some((line) => line.includes('its chunk is copied once more'))).toBe(true);
});

test('a whole conversion is found by the retry, but not by one with other options or of another source', async () => {
  await using copy = await newCopy(96, half);
  const before = await upTo(newRun(copy));
  await before.convert(...first);
  const converted = before.results['convert'];
  before.checkpoints.set('undo', { keep: true });
  await before.step('undo');

  const run = await upTo(newRun(copy), 'copy');
  expect(await run.step('convert')).toEqual(converted);
  await run.step('verify');
  await run.step('apply');
  expect(await targetDigest(copy)).toBe(await expectedDigest(copy, ...first));

  const signal = AbortSignal.timeout(60_000);
  const other = newRun(copy, { options: { conversion: 'auto' }, signal });
  await other.step('preflight');
  await other.step('create-disks');
  other.at = (point) => {
    if (point === 'convert.overlay.intent') throw new Error('it converts anew');
  };
  await expect(other.step('convert')).rejects.toThrow('it converts anew');
});

test('overlays that were lost after they were half applied are made again on the source’s content, which is proved', async () => {
  await using copy = await newCopy(160, half);
  const run = await upTo(newRun(copy));
  await run.convert(...first);
  run.at = (point) => {
    if (point === 'apply.half') throw new Error('killed');
  };
  await expect(run.step('apply')).rejects.toThrow('killed');
  await rm(join(copy.directory, 'overlay-id'));
  run.at = (point) => {
    if (point === 'convert.overlay.intent') throw new Error('it converts anew');
  };
  await expect(run.step('apply')).rejects.toThrow('it converts anew');
  expect(await targetDigest(copy)).toBe(await expectedDigest(copy));
  expect(run.reached.filter((point) => point === 'verify.done')).toHaveLength(2); // by verify, and of what was restored
});

test('undoing with keep leaves disks under their partial names and the journals, and removes what was under way', async () => {
  await using copy = await newCopy(96, half);
  const run = await upTo(newRun(copy));
  await run.convert(...first);
  await run.step('apply');
  await run.step('create-vm');
  expect((await readdir(copy.out)).sort()).toContain('web-disk0.raw');
  run.checkpoints.set('undo', { keep: true });
  await run.step('undo');
  expect(await readdir(copy.out)).toEqual([`web-disk0.raw.${copy.id}.partial`]);
  const open = [...copy.ledger.values()].filter(({ state }) => state === 'created');
  expect(open.map(({ kind }) => kind).sort()).toEqual(['directory', 'target-disk']);
  expect(await readdir(copy.directory)).toEqual(expect.arrayContaining(['journal-0', 'overlay-0.qcow2', 'overlay-id']));
  await writeFile(join(copy.directory, 'x'), '');
  run.checkpoints.delete('undo');
  await run.step('undo');
  expect(await readdir(copy.out)).toEqual([]);
  expect((await readdir(copy.root)).includes('work')).toBe(false);
});

test('another worker copies nothing again of what the server knows, unless source or target are not the same', async () => {
  await using copy = await newCopy(192, half);
  await upTo(newRun(copy));
  await rename(copy.directory, `${copy.directory}-of-another`);
  await mkdir(copy.directory, { mode: 0o700 });
  expect((await upTo(newRun(copy))).results['copy']).toMatchObject({ bytesMoved: 0 });

  // Somebody has put another file in the place of our disk.
  await rm(await partialOf(copy));
  const run = await upTo(newRun(copy));
  const { bytesMoved } = run.results['copy'] as { bytesMoved: number };
  expect(bytesMoved).toBe(96 * MiB);
  expect(run.log.join('\n')).toMatch(/disk source\.raw: copied from the beginning: source or target changed/);
  expect(await targetDigest(copy)).toBe(await expectedDigest(copy));
});

test('a journal that is older than what somebody else has copied meanwhile counts for nothing', async () => {
  await using copy = await newCopy(64, half);
  await upTo(newRun(copy));
  copy.identity = 'what another worker saw, and copied';
  const run = await upTo(newRun(copy));
  expect(run.results['copy']).toMatchObject({ bytesMoved: 32 * MiB });
  expect(run.log.join('\n')).toContain('it is about something else');
});

test('(control) where nobody looks whether the source is the same, a retry makes a disk of two', async () => {
  await using copy = await newCopy(64, half);
  const real = createProviders();
  const blind: Providers = {
    ...real,
    openSource: async (...asked) => ({ ...(await real.openSource(...asked)), identity: async () => ({}) }),
  };
  await upTo(newRun(copy, { providers: blind }));
  await writeFile(copy.source, Buffer.alloc(MiB, 0x55), { flag: 'r+' });
  const run = await upTo(newRun(copy, { providers: blind }));
  expect(run.results['copy']).toMatchObject({ bytesMoved: 0 });
  expect(await targetDigest(copy)).not.toBe(await expectedDigest(copy));
  await upTo(newRun(copy)); // who looks puts it right
  expect(await targetDigest(copy)).toBe(await expectedDigest(copy));
});

test('a VM that an earlier undoing could not remove goes first, and its disks are made anew', async () => {
  await using copy = await newCopy(64, half);
  const before = await upTo(newRun(copy));
  await before.step('create-vm');
  const run = newRun(copy);
  const written: string[] = [];
  run.onLedger = ({ kind, state }) => {
    if (state === 'removed') written.push(kind);
    if (kind === 'target-vm') throw new Error('killed');
  };
  await run.step('preflight');
  // Killed when the VM is gone: that its disks may have been run from must not be forgotten with it.
  await expect(run.step('create-disks')).rejects.toThrow('killed');
  expect(await readdir(copy.out)).not.toContain('web.xml');
  await run.step('create-disks');
  expect(written).toEqual(['target-vm', 'target-disk']);
  expect((await stat(await partialOf(copy))).blocks).toBe(0);
  expect(await readdir(copy.out)).toEqual([`web-disk0.raw.${copy.id}.partial`]);
  await run.step('copy');
  await run.step('verify');
  expect(await targetDigest(copy)).toBe(await expectedDigest(copy));
});

test('disks that a VM may have run from are made anew, and so is what now has another name', async () => {
  await using copy = await newCopy(64, half);
  await upTo(newRun(copy));
  const { ino } = await stat(await partialOf(copy));
  const again = newRun(copy, { checkpoints: { 'create-disks': { anew: true } } });
  await upTo(again);
  expect(again.results['copy']).toMatchObject({ bytesMoved: 32 * MiB });
  expect(again.checkpoints.get('create-disks')).toEqual({});
  const rows = [...copy.ledger.values()].filter(({ kind }) => kind === 'target-disk');
  expect(rows.map(({ state }) => state)).toEqual(['removed', 'created']);
  expect(ino).toBeGreaterThan(0);

  const renamed = newRun(copy);
  await renamed.step('preflight');
  renamed.results['preflight'] = { ...(renamed.results['preflight'] as object), targetName: 'other' };
  await renamed.step('create-disks');
  expect(await readdir(copy.out)).toEqual([`other-disk0.raw.${copy.id}.partial`]);
});

test('a disk that an older version made, which said less of where it is, is used again; one in another place is not', async () => {
  for (const change of [{ directory: undefined }, { path: '/elsewhere/web-disk0.raw' }]) {
    await using copy = await newCopy(8, (at) => at % 4 === 0);
    const before = await upTo(newRun(copy), 'copy');
    before.checkpoints.set('undo', { keep: true });
    await before.step('undo');
    for (const [id, row] of copy.ledger) {
      if (row.kind !== 'target-disk') continue;
      const disk = row.ref as { ref: object };
      const { ref } = JSON.parse(JSON.stringify({ ref: { ...disk.ref, ...change } })) as { ref: object };
      copy.ledger.set(id, { ...row, ref: { ...disk, ref } });
    }
    const run = await upTo(newRun(copy), 'copy');
    const isAnew = 'path' in change;
    expect(run.results['copy']).toMatchObject({ bytesMoved: isAnew ? 2 * MiB : 0 });
    expect(run.log.some((line) => line.includes('the disk of an earlier attempt is removed'))).toBe(isAnew);
    expect(await targetDigest(copy, 'raw')).toBe(await expectedDigest(copy));
  }
});
