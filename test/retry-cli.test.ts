/** `wherry retry` as a user says it, with a server and a worker that run, after a conversion that failed. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { MigrationView, VmMigrationDetail } from '../src/migration/api.ts';
import { runChild } from '../src/process/child.ts';
import { startProduct, runWherry } from './acceptance/product.ts';

// A conversion boots a small machine, on a busy one.
vi.setConfig({ testTimeout: 600_000 });
const MiB = 1024 * 1024;

test('after a conversion that failed, “wherry retry” copies nothing again, and the disk is the source', async () => {
  await using product = await startProduct();
  const source = join(product.scratch, 'empty.raw');
  const out = join(product.scratch, 'out');
  await mkdir(out);
  const file = await open(source, 'w');
  await file.truncate(256 * MiB);
  for (const at of [0, 100, 200]) await file.write(randomBytes(16 * MiB), 0, 16 * MiB, at * MiB);
  await file.close();

  const words = ['import', source, '--to', 'files', '--dir', out, '--format', 'raw', '--name', 'web'];
  const failed = await runWherry(product, [...words, '--conversion', 'always', '--keep-on-failure']);
  expect(failed.code).toBe(1);
  const id = /what was copied is kept; .*: wherry retry (\S+)$/m.exec(failed.stderr)?.[1] ?? '';
  const [vm] = (await product.client.get<MigrationView>(`/migrations/${id}`)).vmMigrations;
  expect(vm).toMatchObject({ state: 'failed', retryable: true });
  expect((await product.client.get<VmMigrationDetail>(`/vm-migrations/${vm?.id}`)).error?.code).toMatch(
    /^conversion\./,
  );
  expect(await bytesCopied(vm?.id)).toBe(48 * MiB); // control: the first copied what there is
  expect((await readdir(out)).every((name) => name.endsWith('.partial'))).toBe(true);

  const said = await runWherry(product, ['retry', id, '--conversion', 'never', '--json']);
  expect(said).toMatchObject({ code: 0, stderr: '' });
  const [retried] = JSON.parse(said.stdout) as MigrationView[];
  const view = await product.wait(retried?.id ?? '');
  expect(view.state).toBe('succeeded');
  expect(await bytesCopied(view.vmMigrations[0]?.id)).toBe(0);
  expect((await readdir(out)).sort()).toEqual(['web-disk0.raw', 'web.xml']);
  await runChild('cmp', [source, join(out, 'web-disk0.raw')]);

  const again = await runWherry(product, ['retry', id]);
  expect(again.code).not.toBe(0);
  expect(again.stderr).toMatch(/migrated again already|cannot be migrated again/);

  /** What the copy of a VM migration said that it read. */
  async function bytesCopied(vmMigration: string | undefined): Promise<number> {
    const { steps } = await product.client.get<VmMigrationDetail>(`/vm-migrations/${vmMigration}`);
    const copy = steps.find(({ name }) => name === 'copy');
    return (copy?.disks ?? []).reduce((sum, disk) => sum + disk.bytesMoved, 0);
  }
});
