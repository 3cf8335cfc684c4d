/** Disks that fail in the middle of a migration: what was wrong is said with disk and offset, and nothing is left of it. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ShownError, VmMigrationDetail } from '../../src/migration/api.ts';
import { runChild } from '../../src/process/child.ts';
import { type FaultyQemuNbd, installFaultyQemuNbd } from '../peers/faulty-qemu-nbd.ts';
import { checkNothingLeft } from './checks.ts';
import { diskSpec } from './disk-spec.ts';
import { type Product, startProduct } from './product.ts';
import type { Report, Scenario } from './scenario.ts';
import { makeStriped } from './striped.ts';

const mib = 2 ** 20;
/** Less than a cluster at the end: whole ones do not go through qemu-nbd, where the faults are (transfer/qcow2/fresh.ts). */
const tail = { offset: 24 * mib, length: 4_608 };
const sizeBytes = tail.offset + tail.length;

export const faultyDisks: Scenario = {
  name: 'faulty-disks',
  proves:
    'a source with one unreadable sector and a target that spoils a bit each time end a migration with disk, offset and digests, and leave nothing',
  unavailable: async () => (process.getuid?.() === 0 ? null : 'a program is replaced in a mount namespace: needs root'),
  run: async (report) => {
    const directory = await mkdtemp(join(tmpdir(), 'wherry-faults-'));
    try {
      const device = await installFaultyQemuNbd(directory);
      await using product = await startProduct({ launcher: device.launcher });
      const raw = join(product.scratch, 'content.raw');
      const source = join(product.scratch, 'source.qcow2');
      await makeStriped(raw, sizeBytes, [
        [mib, 18 * mib],
        [tail.offset, tail.length],
      ]);
      await runChild('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, source]);
      await badSector(report, product, device, source);
      await spoilingTarget(report, product, device, source);
      await sound(report, product, device, { source, raw });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};

async function badSector(report: Report, product: Product, device: FaultyQemuNbd, source: string): Promise<void> {
  report.note('one sector of the source cannot be read');
  const sector = { offset: 7 * mib + 512, length: 512 };
  await device.set([{ match: 'source.qcow2', faults: { flips: [], times: 0, unreadable: [sector] } }]);
  const { detail, error } = await failing(report, product, source, 'sector');
  report.check('the code is transfer.copy_failed', error.code === 'transfer.copy_failed', error.message);
  const offset = Number(error.params['offset']);
  report.check(
    'the message names disk, source and the offset of the block around the sector',
    error.message.includes('disk source.qcow2') &&
      error.message.includes('the source failed') &&
      offset <= sector.offset &&
      offset + mib >= sector.offset + sector.length,
    error.message,
  );
  report.check('the cause is a failed read', /EIO|bad sector/.test(error.causes.join()), error.causes.join());
  await checkUndone(report, product, detail);
}

async function spoilingTarget(report: Report, product: Product, device: FaultyQemuNbd, source: string): Promise<void> {
  report.note('the target spoils the same bit as often as it is written');
  const flip = { offset: tail.offset + 77, bit: 5, inHole: false };
  await device.set([{ match: 'partial', faults: { flips: [flip], times: 1_000, unreadable: [] } }]);
  const { detail, error } = await failing(report, product, source, 'spoiled');
  report.check('the code is transfer.verify_mismatch', error.code === 'transfer.verify_mismatch', error.message);
  const { expected, found } = error.params;
  report.check(
    'the message names disk, offset and both digests',
    error.message.includes('disk source.qcow2') &&
      error.params['offset'] === tail.offset &&
      [expected, found].every((digest) => typeof digest === 'string' && error.message.includes(digest)) &&
      expected !== found,
    error.message,
  );
  const log = await product.client.text(`/vm-migrations/${detail.id}/log.txt`);
  const again = log.split('\n').filter((line) => line.includes('copied once more'));
  report.check('its chunk was copied again once before that', again.length === 1, again.join('; '));
  await checkUndone(report, product, detail);
}

type Both = { readonly source: string; readonly raw: string };

async function sound(report: Report, product: Product, device: FaultyQemuNbd, { source, raw }: Both): Promise<void> {
  report.note('the same without faults');
  await device.set([]);
  const out = join(product.scratch, 'sound');
  await mkdir(out);
  const view = await product.migrate(diskSpec([source], { directory: out, format: 'qcow2' }, 'sound'));
  report.check('(control) it succeeds', view.state === 'succeeded', JSON.stringify(view.errors));
  const [image = ''] = (await readdir(out)).filter((name) => name.endsWith('.qcow2'));
  await runChild('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', raw, join(out, image)]);
  await checkNothingLeft(report, product, await product.detail(view));
}

async function failing(
  report: Report,
  product: Product,
  source: string,
  name: string,
): Promise<{ detail: VmMigrationDetail; error: ShownError }> {
  const out = join(product.scratch, name);
  await mkdir(out);
  const before = await digestOf(source);
  const begun = performance.now();
  const view = await product.migrate(diskSpec([source], { directory: out, format: 'qcow2' }, name));
  report.figure('until it had failed and was undone (s)', ((performance.now() - begun) / 1000).toFixed(1));
  const error = view.vmMigrations[0]?.error;
  if (error === undefined || error === null) throw new Error(`the migration ${view.state}, without an error`);
  report.check('the migration failed', view.state === 'failed', view.state);
  report.note(error.message);
  report.check('nothing is in the target’s directory', (await readdir(out)).length === 0, (await readdir(out)).join());
  report.check('the source is as it was', (await digestOf(source)) === before);
  return { detail: await product.detail(view), error };
}

async function checkUndone(report: Report, product: Product, detail: VmMigrationDetail): Promise<void> {
  const open = detail.ledger.filter(({ state }) => state !== 'removed');
  report.check('every ledger row is removed', detail.ledger.length > 0 && open.length === 0, JSON.stringify(open));
  await checkNothingLeft(report, product, detail);
}

async function digestOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
