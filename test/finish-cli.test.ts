/** A hand-over that fails, with a server and a worker that run: nothing is removed, and `wherry finish` does what is missing. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { MigrationView, VmMigrationDetail } from '../src/migration/api.ts';
import { runChild } from '../src/process/child.ts';
import { setAmbush } from './acceptance/ambush.ts';
import { startProduct, runWherry } from './acceptance/product.ts';

vi.setConfig({ testTimeout: 180_000 });
const MiB = 1024 * 1024;

/** Nothing in such a directory can be renamed or removed, by nobody. @throws without root, or where the file system has no such flag */
const freeze = (directory: string): Promise<string> => runChild('chattr', ['+i', directory]);
const thaw = (directory: string): Promise<string> => runChild('chattr', ['-i', directory]);

test('a hand-over that its directory refuses fails, is not undone, and is finished when it does not any more', async ({
  skip,
}) => {
  await using ambush = await setAmbush();
  await using product = await startProduct({ env: { WHERRY_FAIL_POINTS: ambush.directory } });
  const source = join(product.scratch, 'web.raw');
  const out = join(product.scratch, 'out');
  await mkdir(out);
  const why = await freeze(out).then(
    () => thaw(out).then(() => null),
    (error: unknown) => String(error),
  );
  skip(why !== null, `no directory can be frozen: ${why}`);
  await writeFile(source, randomBytes(8 * MiB));
  await ambush.arm(['finalize.before']);
  const id = await product.begin({
    source: { type: 'files', paths: [source], name: 'web' },
    vm: null,
    target: { type: 'files', directory: out, format: 'raw', networks: {} },
    targetName: null,
    options: { conversion: 'never', verify: 'full', power: 'as-source' },
  });
  await expect.poll(() => ambush.waiting(), { timeout: 120_000 }).toEqual(['finalize.before']);
  const fails = async (): Promise<MigrationView> => {
    await freeze(out);
    try {
      await ambush.release('finalize.before');
      return await product.wait(id);
    } finally {
      await thaw(out);
    }
  };
  const failed = await fails();
  const vm = failed.vmMigrations[0]?.id ?? '';
  expect(failed).toMatchObject({ state: 'failed', vmMigrations: [{ undoable: false, finishable: true }] });
  await expect(product.client.post(`/vm-migrations/${vm}/undo`, {})).rejects.toMatchObject({
    code: 'migration.handed_over',
  });

  expect((await readdir(out)).filter((name) => name.endsWith('.partial')).length).toBe(2);
  const said = await runWherry(product, ['finish', id]);
  expect(said).toEqual({ code: 0, stdout: `${id} web\n`, stderr: '' });
  expect((await product.wait(id)).state).toBe('succeeded');
  expect((await readdir(out)).sort()).toEqual(['web-disk0.raw', 'web.xml']);
  await runChild('cmp', [source, join(out, 'web-disk0.raw')]);
  const { ledger, leftBehind } = await product.client.get<VmMigrationDetail>(`/vm-migrations/${vm}`);
  expect(leftBehind).toEqual([]);
  expect(ledger.map(({ kind, state }) => `${kind} ${state}`).sort()).toContain('target-vm handed_over');

  const again = await runWherry(product, ['finish', id]);
  expect(again.code).not.toBe(0);
  expect(again.stderr).toContain('there is no hand-over to finish');
});
