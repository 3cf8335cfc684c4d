/** Copy and conversion at the same time, beside copy first and conversion afterwards: the same guest, and less to read. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationView, StepView, VmMigrationDetail } from '../../src/migration/api.ts';
import { runChild } from '../../src/process/child.ts';
import { type Appliance, packAppliance } from '../peers/guest/appliance.ts';
import { bootUntil } from '../peers/guest/boot.ts';
import { buildGuest } from '../peers/guest/build.ts';
import { ovaSpec } from './appliance-spec.ts';
import { checkNothingLeft, checkSucceeded } from './checks.ts';
import { differences, type GuestFiles, guestFiles } from './guest-files.ts';
import { limitBandwidth } from './limit.ts';
import { type Product, startProduct } from './product.ts';
import type { Report, Scenario } from './scenario.ts';

const mib = 2 ** 20;
/** So slow that the conversion ends first: what it has freed by then need not be copied. */
const bytesPerSecond = mib;

/** What two conversions of one guest leave different by their nature. */
const byNature: readonly RegExp[] = [];

export const overlappedConversion: Scenario = {
  name: 'overlapped-conversion',
  proves:
    'copy and conversion run at the same time: the guest boots, every file in it is what copying first and converting afterwards makes, and less is read than the disks are large',
  long: true,
  run: async (report) => {
    await using product = await startProduct();
    const dir = join(product.scratch, 'guest');
    await mkdir(dir);
    const token = `overlap-${process.pid}`;
    const guest = await buildGuest({ kind: 'debian', token, dir, dataMiB: 96, deletedMiB: 24 });
    const pack = async (vmName: string, gzip: boolean): Promise<Appliance> => {
      const own = join(product.scratch, vmName);
      await mkdir(own);
      return packAppliance({ dir: own, token, vmName, gzip }, await copiesOf(guest, own));
    };
    const overlapped = await converted(report, product, await pack('overlapped', false));
    const inOrder = await converted(report, product, await pack('in-order', true));

    checkTimes(report, overlapped.detail, inOrder.detail);
    await checkRead(report, product, overlapped);
    const expected = await guestFiles(inOrder.disks, ['sda1', 'sdb']);
    const found = await guestFiles(overlapped.disks, ['sda1', 'sdb']);
    checkFiles(report, expected, found);
    const [system = ''] = overlapped.disks;
    const disk = { path: system, format: 'qcow2', bus: 'virtio', timeoutMs: 120_000 } as const;
    const line = await bootUntil(guest.marker, disk);
    report.check('the guest that was converted while it was copied boots from virtio', line?.includes('vda') === true);
  },
};

type Converted = { readonly appliance: Appliance; readonly detail: VmMigrationDetail; readonly disks: string[] };

async function converted(report: Report, product: Product, appliance: Appliance): Promise<Converted> {
  report.note(`${appliance.vmName}: ${appliance.disks.map(({ sizeBytes }) => sizeBytes / mib).join(' and ')} MiB`);
  const out = join(product.scratch, `${appliance.vmName}-out`);
  await mkdir(out);
  await limitBandwidth(product, appliance.vmName === 'overlapped' ? bytesPerSecond : null);
  const begun = performance.now();
  const id = await product.begin(
    ovaSpec(appliance.path, { type: 'files', directory: out, format: 'qcow2', networks: {} }),
  );
  if (appliance.vmName === 'overlapped') {
    await convertedFirst(product, id);
    await limitBandwidth(product, null);
  }
  const view = await product.wait(id);
  checkSucceeded(report, view);
  report.figure(`${appliance.vmName} (s)`, ((performance.now() - begun) / 1000).toFixed(1));
  const detail = await product.detail(view);
  await checkNothingLeft(report, product, detail);
  const names = (await readdir(out)).filter((name) => name.endsWith('.qcow2')).sort();
  return { appliance, detail, disks: names.map((name) => join(out, name)) };
}

async function convertedFirst(product: Product, id: string): Promise<void> {
  for (const end = Date.now() + 400_000; Date.now() < end; await sleep(200)) {
    const view = await product.client.get<MigrationView>(`/migrations/${id}`);
    const state = view.vmMigrations[0]?.steps.find(({ name }) => name === 'convert')?.state;
    if (state === 'succeeded' || view.endedAt !== null) return;
  }
  throw new Error('the conversion did not end');
}

function checkTimes(report: Report, overlapped: VmMigrationDetail, inOrder: VmMigrationDetail): void {
  const shared = overlapSeconds(overlapped);
  report.figure('copy and conversion side by side (s)', shared.toFixed(1));
  report.check('copy and conversion ran at the same time', shared > 1, String(shared));
  report.check('(control) in order they did not', overlapSeconds(inOrder) <= 0, String(overlapSeconds(inOrder)));
}

function time(step: StepView | undefined, at: 'startedAt' | 'endedAt'): number {
  return Date.parse(step?.[at] ?? '');
}

function overlapSeconds({ steps }: VmMigrationDetail): number {
  const [copy, convert] = ['copy', 'convert'].map((name) => steps.find((step) => step.name === name));
  const end = Math.min(time(copy, 'endedAt'), time(convert, 'endedAt'));
  return (end - Math.max(time(copy, 'startedAt'), time(convert, 'startedAt'))) / 1000;
}

/** By the copy's own count, and by what our server gave the conversion, which the log says. */
async function checkRead(report: Report, product: Product, { detail, appliance }: Converted): Promise<void> {
  const virtual = appliance.disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const copy = detail.steps.find(({ name }) => name === 'copy');
  const copied = copy?.disks.reduce((sum, { bytesMoved }) => sum + bytesMoved, 0) ?? 0;
  const log = await product.client.text(`/vm-migrations/${detail.id}/log.txt`);
  const lines = [...log.matchAll(/the conversion read (\d+) bytes of it/g)].map(([, bytes]) => bytes ?? '');
  const byConversion = lines.reduce((sum, bytes) => sum + Number(bytes), 0);
  report.figure('virtual size (MiB)', virtual / mib);
  report.figure('read by the copy (MiB)', (copied / mib).toFixed(1));
  report.figure('read by the conversion (MiB)', (byConversion / mib).toFixed(1));
  report.check('both are known', copied > 0 && lines.length === appliance.disks.length, lines.join());
  report.check('together they read less than the virtual size', copied + byConversion < virtual);
}

function checkFiles(report: Report, expected: GuestFiles, found: GuestFiles): void {
  const regular = [...expected.values()].filter((digest) => digest !== '').length;
  report.figure('names in the guest, regular files among them', `${expected.size}, ${regular}`);
  const different = differences(expected, found);
  const unexplained = different.filter((path) => !byNature.some((pattern) => pattern.test(path)));
  for (const path of different) report.note(`differs: ${path}`);
  report.check('every file is the same', unexplained.length === 0, unexplained.join(', '));
  report.check('(control) there are files, with content', regular > 50 && new Set(expected.values()).size > 20);
  const spoiled = new Map(found);
  const [one = ''] = [...found].find(([, digest]) => digest !== '') ?? [];
  spoiled.set(one, '0'.repeat(64));
  report.check('(control) one other file would be seen', differences(expected, spoiled).length > different.length);
}

/** The same content in a directory of its own. */
async function copiesOf(
  guest: Awaited<ReturnType<typeof buildGuest>>,
  directory: string,
): Promise<Awaited<ReturnType<typeof buildGuest>>> {
  const copy = async (path: string, name: string): Promise<string> => {
    const target = join(directory, name);
    await runChild('cp', ['--sparse=always', path, target]);
    return target;
  };
  const { data } = guest;
  return {
    ...guest,
    path: await copy(guest.path, 'debian.raw'),
    data: data === null ? null : { ...data, path: await copy(data.path, 'data.raw') },
  };
}
