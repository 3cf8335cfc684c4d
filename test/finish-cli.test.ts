/** A hand-over that fails, with a server and a worker that run: nothing is removed, and `wherry finish` does what is missing. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { VmMigrationDetail } from '../src/migration/api.ts';
import { runChild } from '../src/process/child.ts';
import { setAmbush } from './acceptance/ambush.ts';
import { startProduct, runWherry } from './acceptance/product.ts';

// Five tries with back-off, on a busy machine.
vi.setConfig({ testTimeout: 300_000 });
const MiB = 1024 * 1024;

test('a hand-over whose directory is away fails, is not undone, and is finished when the directory is back', async () => {
  await using ambush = await setAmbush();
  await using product = await startProduct({ env: { WHERRY_FAIL_POINTS: ambush.directory } });
  const source = join(product.scratch, 'web.raw');
  const out = join(product.scratch, 'out');
  await mkdir(out);
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
  await rename(out, `${out}.away`);
  await writeFile(out, 'in its place'); // ENOTDIR
  await ambush.release('finalize.before');
  const failed = await product.wait(id);
  const vm = failed.vmMigrations[0]?.id ?? '';
  expect(failed).toMatchObject({ state: 'failed', vmMigrations: [{ undoable: false, finishable: true }] });
  await expect(product.client.post(`/vm-migrations/${vm}/undo`, {})).rejects.toMatchObject({
    code: 'migration.handed_over',
  });

  await rm(out);
  await rename(`${out}.away`, out);
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
