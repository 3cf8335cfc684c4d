/** KILL in the middle of one disk: what is copied again, counted by what was really read of the source. */
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationView, VmMigrationDetail } from '../../src/migration/api.ts';
import { runChild } from '../../src/process/child.ts';
import { chunkBytes } from '../../src/transfer/digest.ts';
import { type Ambush, setAmbush } from './ambush.ts';
import { checkDigests, checkNothingLeft, checkSucceeded } from './checks.ts';
import { diskSpec } from './disk-spec.ts';
import { limitBandwidth } from './limit.ts';
import { type Product, startProduct } from './product.ts';
import type { Report, Scenario } from './scenario.ts';
import { journaledBytes, journalPath, reached, stepProcess } from './step-process.ts';
import { makeStriped } from './striped.ts';
import { kill, type Victim } from './victims.ts';

const mib = 2 ** 20;
const sizeBytes = 1024 * mib;
const moments = [0.1, 0.5, 0.9];
/** So that it can be stopped where it shall be, on a fast machine too. */
const bytesPerSecond = 128 * mib;
/** What the process reads beside the source between its first look and its end: its own code, replies of the target. */
const besideBytes = 4 * mib;

type Ground = {
  readonly report: Report;
  readonly product: Product;
  readonly ambush: Ambush;
  readonly source: string;
};
type Format = 'raw' | 'qcow2';
type Run = { readonly id: string; readonly out: string; readonly format: Format };

export const resumeInDisk: Scenario = {
  name: 'resume-in-disk',
  proves:
    'KILL of worker, step or qemu-nbd at 10, 50 and 90 % of a disk: at most 64 MiB of it are copied again; without the journal at most what the server had not been told; a changed source is copied anew',
  long: true,
  run: async (report) => {
    await using ambush = await setAmbush();
    await using product = await startProduct({ env: { WHERRY_FAIL_POINTS: ambush.directory }, leaseMs: 12_000 });
    const source = join(product.scratch, 'source.raw');
    await makeStriped(source, sizeBytes, [[0, sizeBytes]]);
    await limitBandwidth(product, bytesPerSecond);
    const ground = { report, product, ambush, source };
    report.figure('disk', `${sizeBytes / mib} MiB, all data`);
    for (const format of ['raw', 'qcow2'] as const) {
      for (const victim of ['child', 'worker', 'qemu-nbd'] as const) await killed(ground, format, victim);
    }
    await withoutJournal(ground);
    await changedSource(ground);
  },
};

/** One migration, in which the victim is killed three times. */
async function killed(ground: Ground, format: Format, victim: Victim): Promise<void> {
  const { report, product, ambush } = ground;
  report.note(`${format}: KILL of ${victim === 'child' ? 'the step' : victim}`);
  const run = await begin(ground, format, victim);
  let before = 0;
  let again = 0;
  let step = await stepProcess(product);
  await ambush.release('copy.opened');
  for (const moment of moments) {
    await until(async () => before - again + (await step.read()) >= moment * sizeBytes);
    await step.hold();
    const read = before + (await step.read());
    const lost = read - again - (await journaledBytes(await journalPath(product)));
    report.figure(`read and not journaled at ${moment * 100} % (MiB)`, (lost / mib).toFixed(1));
    report.check(`KILL at ${moment * 100} %: at most 64 MiB are to be copied again`, lost <= chunkBytes + besideBytes);
    again += lost;
    if (victim === 'qemu-nbd') {
      await strike(product, victim);
      step.letGo();
      continue;
    }
    await ambush.arm(['copy.opened']);
    await strike(product, victim);
    before = read;
    await reached(ambush, 'copy.opened');
    step = await stepProcess(product);
    await ambush.release('copy.opened');
  }
  await ambush.arm(['copy.done']);
  await reached(ambush, 'copy.done');
  const copiedAgain = before + (await step.read()) - sizeBytes;
  await ambush.release('copy.done');
  report.figure('copied again, three kills together (MiB)', (copiedAgain / mib).toFixed(1));
  report.check(
    'what was read beyond the size of the disk is at most 64 MiB for each kill',
    copiedAgain <= moments.length * chunkBytes + besideBytes,
    `${copiedAgain}`,
  );
  report.check('(control) the kills did cost something', copiedAgain > 0, `${copiedAgain}`);
  await finish(ground, run);
}

async function withoutJournal(ground: Ground): Promise<void> {
  const { report, product, ambush } = ground;
  report.note('the worker’s journal is lost with the step');
  const run = await begin(ground, 'qcow2', 'lost');
  let step = await stepProcess(product);
  await ambush.release('copy.opened');
  await until(async () => (await step.read()) >= 0.6 * sizeBytes);
  await step.hold();
  const before = await step.read();
  await ambush.arm(['copy.opened']);
  await strike(product, 'child');
  await reached(ambush, 'copy.opened');
  const told = (await chunksTold(product, run.id)) * chunkBytes;
  await rm(await journalPath(product));
  step = await stepProcess(product);
  await ambush.arm(['copy.done']);
  await ambush.release('copy.opened');
  await reached(ambush, 'copy.done');
  const after = await step.read();
  await ambush.release('copy.done');
  report.figure('read before, told to the server, read after (MiB)', [before, told, after].map(inMiB).join(', '));
  report.check('(control) the server had been told of something, and not of all', told > 0 && told < before);
  report.check('copied again is at most what the server had not been told', after <= sizeBytes - told + besideBytes);
  await finish(ground, run);
}

async function changedSource(ground: Ground): Promise<void> {
  const { report, product, ambush, source } = ground;
  report.note('the source is another one after the kill');
  const run = await begin(ground, 'qcow2', 'changed');
  let step = await stepProcess(product);
  await ambush.release('copy.opened');
  await until(async () => (await step.read()) >= 0.5 * sizeBytes);
  await step.hold();
  await using file = await open(source, 'r+');
  await file.write(Buffer.from('changed'), 0, 7, 100 * mib);
  await file.sync();
  await ambush.arm(['copy.opened']);
  await strike(product, 'child');
  await reached(ambush, 'copy.opened');
  step = await stepProcess(product);
  await ambush.arm(['copy.done']);
  await ambush.release('copy.opened');
  await Promise.race([reached(ambush, 'copy.done'), ended(product, run.id)]);
  const after = await step.read();
  await ambush.release('copy.done');
  report.figure('read after the change (MiB)', inMiB(after));
  report.check('all of it was copied again', after >= sizeBytes, String(after));
  const detail = await finish(ground, run);
  const log = await product.client.text(`/vm-migrations/${detail}/log.txt`);
  const why = log.split('\n').find((line) => line.includes('copied from the beginning')) ?? '';
  report.check('the log says that it started over, and why', /changed|was .* now/.test(why), log.slice(-1000));
  report.note(why);
}

async function begin({ product, ambush, source }: Ground, format: Format, name: string): Promise<Run> {
  const out = join(product.scratch, `${format}-${name}`);
  await mkdir(out);
  await ambush.arm(['copy.opened']);
  // What a target is read back meanwhile would count as read: the comparison at the end has to do.
  const options = { verify: 'none' } as const;
  const id = await product.begin(diskSpec([source], { directory: out, format }, `${format}-${name}`, options));
  await reached(ambush, 'copy.opened');
  return { id, out, format };
}

/** The migration succeeds, and its disk is the source. Its image is removed. Resolves with the VM migration's id. */
async function finish({ report, product, source }: Ground, { id, out, format }: Run): Promise<string> {
  const view = await product.wait(id);
  checkSucceeded(report, view);
  const detail = await product.detail(view);
  await checkDigests(report, product, detail, { disks: [{ path: source, sizeBytes }] });
  const [image = ''] = (await readdir(out)).filter((name) => name.endsWith(format));
  await runChild('qemu-img', ['compare', '-f', 'raw', '-F', format, source, join(out, image)]);
  report.check('the target is identical to the source', true);
  await checkNothingLeft(report, product, detail);
  await rm(out, { recursive: true });
  return detail.id;
}

/** @throws once the migration has ended, with what it ended with */
async function ended(product: Product, id: string): Promise<never> {
  const { state, errors } = await product.wait(id);
  throw new Error(`the migration is ${state}: ${errors[0]?.error.message ?? ''}`);
}

async function chunksTold(product: Product, id: string): Promise<number> {
  const view = await product.client.get<MigrationView>(`/migrations/${id}`);
  const detail = await product.client.get<VmMigrationDetail>(`/vm-migrations/${view.vmMigrations[0]?.id}`);
  return detail.chunks[0]?.count ?? 0;
}

async function strike(product: Product, victim: Victim): Promise<void> {
  if (!(await kill(product, victim, Math.random))) throw new Error(`there was no ${victim} to kill`);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 120_000; !(await holds()); await sleep(5)) {
    if (Date.now() > end) throw new Error('the copy does not get there');
  }
}

function inMiB(bytes: number): string {
  return (bytes / mib).toFixed(1);
}
