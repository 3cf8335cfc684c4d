import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import type { Providers } from '../../src/providers/provider.ts';
import { runChild } from '../../src/process/child.ts';
import { createProviders } from '../../src/wiring.ts';
import { type Copy, expectedDigest, MiB, newCopy, newRun, type Run } from './ground.ts';

// Hundreds of MiB are copied, read back and compared: a busy machine takes its time.
vi.setConfig({ testTimeout: 300_000 });

const half = (at: number): boolean => at % 32 < 16;
const changes = ['write -P 0x11 1M 2M', 'write -P 0x12 41M 64k', 'discard 64M 24M'];
const partial = (copy: Copy): string => join(copy.out, `web-disk0.raw.gz.${copy.id}.partial`);

async function prepared(copy: Copy, ...made: string[]): Promise<Run> {
  const run = newRun(copy, { compressed: true, options: made.length === 0 ? { conversion: 'never' } : {} });
  for (const step of ['preflight', 'create-disks'] as const) await run.step(step);
  if (made.length > 0) await run.convert(...made);
  return run;
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path).pipe(createGunzip())) hash.update(part as Buffer);
  return hash.digest('hex');
}

test('a compressed disk is the source with the conversion’s changes, under its final name only when it is proved', async () => {
  await using copy = await newCopy(160, half);
  const run = await prepared(copy, ...changes);
  expect(run.results['preflight']).toMatchObject({ stream: true });
  await run.step('copy');
  expect(await readdir(copy.out)).toEqual([`web-disk0.raw.gz.${copy.id}.partial`]);
  expect(await run.step('verify')).toEqual({ bytesRead: 160 * MiB });
  expect(run.log.filter((line) => line.startsWith('warning'))).toEqual([]);
  await run.step('create-vm');
  await run.step('finalize');
  expect((await readdir(copy.out)).sort()).toEqual(['web-disk0.raw.gz', 'web.xml']);
  const path = join(copy.out, 'web-disk0.raw.gz');
  await runChild('gzip', ['--test', path]);
  expect(await digest(path)).toBe(await expectedDigest(copy, ...changes));
  expect(await digest(path)).not.toBe(await expectedDigest(copy)); // control
  expect((await stat(path)).size).toBeLessThan(80 * MiB);
  expect(await readFile(join(copy.out, 'web.xml'), 'utf8')).toContain(`${copy.out}/web-disk0.raw"`);
  const rows = [...copy.ledger.values()].filter(({ kind }) => kind.startsWith('target'));
  expect(rows.map(({ state }) => state)).toEqual(['handed_over', 'handed_over']);
});

test('what was cut off begins again from zero, says so, and is right; the conversion is not made again', async () => {
  await using copy = await newCopy(224, half);
  const run = await prepared(copy, ...changes);
  run.at = (point) => {
    if (point === 'copy.journaled') throw new Error('killed');
  };
  await expect(run.step('copy')).rejects.toThrow('killed');
  expect((await stat(partial(copy))).size).toBeGreaterThan(0);
  expect(run.log.join()).not.toContain('from the beginning');
  run.at = () => undefined;
  const { bytesMoved } = (await run.step('copy')) as { bytesMoved: number };
  expect(bytesMoved).toBeGreaterThan(80 * MiB);
  expect(run.log.join()).toMatch(/source\.raw: copied from the beginning: its target takes it as one stream/);
  await run.step('verify');
  expect(await digest(partial(copy))).toBe(await expectedDigest(copy, ...changes));
});

test('what does not read back as it was sent ends the migration, and undoing leaves nothing', async () => {
  await using copy = await newCopy(96, half);
  const run = await prepared(copy);
  await run.step('copy');
  const file = await open(partial(copy), 'r+');
  const { size } = await file.stat();
  await file.write(Buffer.from([0, 1, 2, 3]), 0, 4, Math.floor(size / 3));
  await file.close();
  await expect(run.step('verify')).rejects.toMatchObject({ code: 'files.compressed_unreadable' });
  await run.step('undo');
  expect(await readdir(copy.out)).toEqual([]);
});

test('a retry finds the conversion, streams the disk anew, and another conversion is what it holds', async () => {
  await using copy = await newCopy(96, half);
  const first = await prepared(copy, ...changes.slice(0, 2));
  await first.step('copy');
  first.checkpoints.set('undo', { keep: true });
  await first.step('undo');
  const run = newRun(copy, { compressed: true });
  for (const step of ['preflight', 'create-disks'] as const) await run.step(step);
  expect(await run.step('convert')).toEqual(first.results['convert']);
  await run.step('copy');
  await run.step('verify');
  expect(await digest(partial(copy))).toBe(await expectedDigest(copy, ...changes.slice(0, 2)));
});

test('without compression in mind qcow2 is refused, and so is a conversion that no end could hold', async () => {
  await using copy = await newCopy(16, half);
  await expect(newRun(copy, { compressed: true, format: 'qcow2' }).step('preflight')).rejects.toMatchObject({
    code: 'files.compressed_format',
  });
  const real = createProviders();
  const sequential: Providers = {
    ...real,
    openSource: async (spec, signal) => {
      const source = await real.openSource(spec, signal);
      return {
        ...source,
        describe: async (vm, during) => {
          const found = await source.describe(vm, during);
          return { ...found, disks: found.disks.map((disk) => ({ ...disk, access: 'sequential' as const })) };
        },
      };
    },
  };
  const wanted = { compressed: true, providers: sequential };
  await expect(newRun(copy, wanted).step('preflight')).rejects.toMatchObject({ code: 'migration.nowhere_to_convert' });
  await newRun(copy, { ...wanted, options: { conversion: 'never' } }).step('preflight');
});
