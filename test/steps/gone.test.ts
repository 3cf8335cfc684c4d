/** What of a migrated VM is not found when it ends: waited for, unless its place or its owner says that it was removed. */
import { chown, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { newId } from '../../src/model/ids.ts';
import { type Copy, newCopy, newRun, type Run } from './ground.ts';

vi.setConfig({ testTimeout: 120_000 });
const some = (at: number): boolean => at % 4 === 0;
const word = { gone: { saidBy: 'alice' } };

async function migrated(copy: Copy, checkpoints: Record<string, unknown> = {}): Promise<Run> {
  const run = newRun(copy, { options: { conversion: 'never' }, checkpoints });
  for (const step of ['preflight', 'create-disks', 'copy', 'verify', 'create-vm'] as const) await run.step(step);
  return run;
}

const targetRows = (copy: Copy): string[] =>
  [...copy.ledger.values()]
    .filter(({ kind }) => kind.startsWith('target'))
    .map(({ kind, state }) => `${kind} ${state}`);

/** An empty mount point where the files were. */
async function unmount({ out }: Copy): Promise<void> {
  await rename(out, `${out}.away`);
  await mkdir(out);
}
async function mountAgain({ out }: Copy): Promise<void> {
  await rm(out, { recursive: true });
  await rename(`${out}.away`, out);
}

test('undoing waits for a mount that is away, and is done when it is back', async () => {
  await using copy = await newCopy(8, some);
  const run = await migrated(copy);
  await unmount(copy);
  await expect(run.step('undo')).rejects.toMatchObject({ code: 'files.directory_other', passing: true });
  await rm(copy.out, { recursive: true });
  await expect(run.step('undo')).rejects.toMatchObject({ code: 'files.directory_gone', passing: true });
  expect(targetRows(copy)).toEqual(['target-disk created', 'target-vm created']);
  await mkdir(copy.out);
  await mountAgain(copy);
  await run.step('undo');
  expect(await readdir(copy.out)).toEqual([]);
  expect(targetRows(copy)).toEqual(['target-disk removed', 'target-vm removed']);
});

test('a VM that was begun stays known by the directory it was begun in, whatever is there at the next attempt', async () => {
  await using copy = await newCopy(8, some);
  const run = newRun(copy, { options: { conversion: 'never' } });
  for (const step of ['preflight', 'create-disks', 'copy', 'verify'] as const) await run.step(step);
  run.at = (point) => {
    if (point === 'create-vm.effect.after') throw new Error('killed');
  };
  await expect(run.step('create-vm')).rejects.toThrow('killed');
  run.at = () => undefined;
  await unmount(copy);
  await expect(run.step('create-vm')).rejects.toMatchObject({ code: 'files.create_failed' });
  await expect(run.step('undo')).rejects.toMatchObject({ code: 'files.directory_other' });
  await mountAgain(copy);
  await run.step('undo');
  expect(await readdir(copy.out)).toEqual([]);
});

test('a retry makes no disks in an empty mount point while the kept ones are away', async () => {
  await using copy = await newCopy(8, some);
  await migrated(copy);
  await unmount(copy);
  const again = newRun(copy, { options: { conversion: 'never' } });
  await again.step('preflight');
  await expect(again.step('create-disks')).rejects.toMatchObject({ code: 'files.directory_other' });
  expect(await readdir(copy.out)).toEqual([]);
  expect((await readdir(`${copy.out}.away`)).length).toBe(4);
});

test('on its owner’s word what is not found is closed, with the name of who said so; what is found is removed', async () => {
  await using copy = await newCopy(8, some);
  const run = await migrated(copy, { undo: word });
  await unmount(copy);
  await run.step('undo');
  expect(targetRows(copy)).toEqual(['target-disk removed', 'target-vm removed']);
  expect(run.log.filter((line) => line.includes('removed for good, said alice'))).toHaveLength(2);
  expect((await readdir(`${copy.out}.away`)).length).toBe(4); // nothing was touched

  await using other = await newCopy(8, some);
  const found = await migrated(other, { undo: word });
  await found.step('undo');
  expect(await readdir(other.out)).toEqual([]);
  expect(found.log.some((line) => line.includes('said alice'))).toBe(false);
});

test('nothing is handed over that is not there', async () => {
  await using copy = await newCopy(8, some);
  const run = await migrated(copy);
  await unmount(copy);
  await expect(run.step('finalize')).rejects.toMatchObject({ code: 'files.directory_other', params: { vm: 'web' } });
  expect(targetRows(copy)).toEqual(['target-disk created', 'target-vm created']);
  await mountAgain(copy);
  // Its owner has removed the disk, in the very directory that it was made in.
  for (const name of await readdir(copy.out)) if (name.includes('disk0')) await rm(join(copy.out, name));
  await run.step('finalize');
  expect(targetRows(copy)).toEqual(['target-disk removed', 'target-vm handed_over']);
  expect(await readdir(copy.out)).toEqual(['web.xml']);
  expect(run.log.join('\n')).toMatch(/the disk .*web-disk0\.raw is not there any more/);

  await using gone = await newCopy(8, some);
  const closed = await migrated(gone, { finalize: word });
  await unmount(gone);
  await closed.step('finalize');
  expect(targetRows(gone)).toEqual(['target-disk removed', 'target-vm removed']);
  expect((await readdir(`${gone.out}.away`)).length).toBe(4);
});

test('what somebody else has put in /tmp where something of ours was is left alone; ours goes', async ({ skip }) => {
  skip(process.getuid?.() !== 0, 'only root can give a directory to somebody else');
  await using copy = await newCopy(8, some);
  const run = newRun(copy, { options: { conversion: 'never' } });
  const [theirs = '', ours = ''] = await Promise.all(
    ['theirs', 'ours'].map(async (name) => {
      const path = await mkdtemp(join(tmpdir(), `wherry-${name}-`));
      onTestFinished(() => rm(path, { recursive: true, force: true }));
      await writeFile(join(path, 'in'), '');
      const id = newId();
      copy.ledger.set(id, { id, kind: 'directory', state: 'created', ref: { path, key: path } });
      return path;
    }),
  );
  await chown(theirs, 65_534, 65_534);
  await run.step('undo');
  expect(await readdir(theirs)).toEqual(['in']);
  await expect(readdir(ours)).rejects.toMatchObject({ code: 'ENOENT' });
  expect([...copy.ledger.values()].map(({ state }) => state)).toEqual(['removed', 'removed']);
});
