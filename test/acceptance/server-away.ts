/** The server dies in the middle of copy and conversion and stays away for longer than a lease: nothing is done twice. */
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationView, VmMigrationDetail } from '../../src/migration/api.ts';
import { runChild } from '../../src/process/child.ts';
import { type Appliance, buildDemoOva } from '../peers/guest/appliance.ts';
import { bootUntil } from '../peers/guest/boot.ts';
import { ovaSpec } from './appliance-spec.ts';
import { checkDigests, checkNothingLeft, checkSucceeded } from './checks.ts';
import { fileIn } from './file-in.ts';
import { limitBandwidth } from './limit.ts';
import { type Product, startProduct } from './product.ts';
import type { Report, Scenario } from './scenario.ts';
import { descendants } from './victims.ts';

const leaseMs = 60_000;
const awayMs = 60_000;
/** Acting outside stops when heartbeats were unanswered for two thirds of the lease; the last one was up to 10 s before. */
const closedMs = (leaseMs * 2) / 3;
const mib = 1024 * 1024;

export const serverAway: Scenario = {
  name: 'server-away',
  proves: 'a server that is killed and away for a minute in the middle of copy and conversion costs no second attempt',
  long: true,
  run: async (report) => {
    await using product = await startProduct({ leaseMs });
    await killed(report, product);
    await restarted(report, product);
  },
};

async function killed(report: Report, product: Product): Promise<void> {
  const { appliance, out, spec } = await prepare(product, 'away', 'debian');
  await limitBandwidth(product, mib);
  const id = await product.begin(spec);
  await during(product, id, ['copy', 'convert']);
  const worker = await product.workerPid();
  const children = await product.childPids();
  await product.killServer();
  const killedAt = Date.now();
  report.check('(control) the conversion had not finished when the server died', !(await hasConverted(product)));
  const sizes = { atKill: await storedBytes(out), open: 0, closed: 0, end: 0 };
  await sleep(closedMs - 12_000); // the last heartbeat may have been 10 s before
  sizes.open = await storedBytes(out);
  await sleep(killedAt + closedMs + 3_000 - Date.now());
  sizes.closed = await storedBytes(out);
  const cpu = await conversionTicks(product);
  await sleep(killedAt + awayMs - Date.now());
  sizes.end = await storedBytes(out);
  const worked = (await conversionTicks(product)) - cpu;
  const converted = await hasConverted(product);
  report.check('(control) writes to the target went on at first', sizes.open > sizes.atKill, JSON.stringify(sizes));
  report.check('they paused before the lease was over', sizes.end === sizes.closed, JSON.stringify(sizes));
  report.check('the worker has outlived the server', (await product.workerPid()) === worker);
  report.check(
    'so have the processes of its steps',
    (await product.childPids()).map(String).join() === children.map(String).join(),
  );
  const startedAt = Date.now();
  await product.startServer();
  report.figure('the server was away (s)', Math.round((Date.now() - killedAt) / 1000));
  await limitBandwidth(product, null);
  const view = await product.wait(id);
  report.figure('from its return to the end (s)', Math.round((Date.now() - startedAt) / 1000));
  const detail = await checkWhole(report, product, { view, appliance, out });
  const repeated = detail.steps.filter(({ attempts }) => attempts !== 1);
  report.check('no attempt was repeated', repeated.length === 0, repeated.map(({ name }) => name).join());
  report.check('copy and conversion ran on one worker process', (await product.workerPid()) === worker);
  report.check('the conversion went on while acting outside was paused', converted || worked > 0, `${worked} ticks`);
  report.figure('the conversion meanwhile', converted ? 'has finished' : `used ${worked / 100} s of CPU time`);
  const system = join(out, 'away-disk0.qcow2');
  const line = await bootUntil(appliance.marker, { path: system, format: 'qcow2', bus: 'virtio', timeoutMs: 120_000 });
  report.check('the converted guest boots', line !== null);
}

/** Stopped in order, its built-in worker ends with it: what runs is begun again, from where it had come. */
async function restarted(report: Report, product: Product): Promise<void> {
  report.note('a graceful restart in the middle of a copy');
  const { appliance, out, spec } = await prepare(product, 'restarted', 'kvm');
  await limitBandwidth(product, 8 * mib);
  const id = await product.begin(spec);
  await during(product, id, ['copy']);
  const children = await product.childPids();
  report.check('(control) a step runs', children.length > 0);
  await product.stopServer();
  report.check('no process of a step has outlived the stop', (await product.childPids()).length === 0);
  await product.startServer();
  await limitBandwidth(product, null);
  const view = await product.wait(id);
  const detail = await checkWhole(report, product, { view, appliance, out });
  const attempts = detail.steps.map((step) => step.attempts);
  report.check('no step took more than one attempt more', Math.max(...attempts) <= 2, attempts.join());
}

async function prepare(product: Product, vmName: string, kind: 'debian' | 'kvm') {
  const dir = join(product.scratch, vmName);
  const out = join(dir, 'out');
  await mkdir(out, { recursive: true });
  const token = `${vmName}-${process.pid}`;
  const appliance = await buildDemoOva({ dir, token, kind, vmName, dataMiB: 128 });
  const spec = ovaSpec(appliance.path, { type: 'files', directory: out, format: 'qcow2', networks: {} });
  return { appliance, out, spec };
}

/** Resolves once these steps run side by side and have begun their work. */
async function during(product: Product, id: string, names: readonly string[]): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(100)) {
    const view = await product.client.get<MigrationView>(`/migrations/${id}`);
    const steps = view.vmMigrations[0]?.steps ?? [];
    const begun = steps.filter(({ name, state, disks, phase }) => {
      if (!names.includes(name) || state !== 'running') return false;
      return name === 'copy' ? disks.some(({ bytesMoved }) => bytesMoved > 0) : phase !== '';
    });
    if (begun.length === names.length) return;
  }
  throw new Error(`${names.join(' and ')} did not run`);
}

async function checkWhole(
  report: Report,
  product: Product,
  { view, appliance, out }: { view: MigrationView; appliance: Appliance; out: string },
): Promise<VmMigrationDetail> {
  checkSucceeded(report, view);
  const detail = await product.detail(view);
  await checkDigests(report, product, detail, appliance);
  // The conversion mounts what it finds and trims it, so that the file system's own records may change; its files may not.
  const raw = join(out, 'data.raw');
  await runChild('qemu-img', [
    'convert',
    '-f',
    'qcow2',
    '-O',
    'raw',
    join(out, `${appliance.vmName}-disk1.qcow2`),
    raw,
  ]);
  const expected = await fileIn(appliance.disks[1]?.path ?? '', out);
  const found = await fileIn(raw, out);
  const holds = expected.some((byte) => byte !== 0) && found.equals(expected);
  report.check('the file on the data disk is the source’s', holds);
  await rm(raw);
  await checkNothingLeft(report, product, detail);
  return detail;
}

/** What the files in the directory take on the disk. */
async function storedBytes(directory: string): Promise<number> {
  const names = await readdir(directory);
  const stats = await Promise.all(names.map((name) => stat(join(directory, name))));
  return stats.reduce((sum, { blocks }) => sum + blocks * 512, 0);
}

/** An overlay is whole: its conversion has come to its end on this worker. */
async function hasConverted(product: Product): Promise<boolean> {
  const root = join(product.home, 'worker', 'vm-migrations');
  for (const name of await readdir(root)) if ((await readdir(join(root, name))).includes('overlay-id')) return true;
  return false;
}

/** CPU time that the virtual machines of conversions have used so far, in clock ticks. */
async function conversionTicks(product: Product): Promise<number> {
  let ticks = 0;
  const pids = (await Promise.all((await product.childPids()).map(descendants))).flat();
  for (const pid of new Set(pids)) {
    const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const [, user, system] = /\(qemu-system.*\) \S+(?: \S+){10} (\d+) (\d+)/.exec(line) ?? [];
    ticks += Number(user ?? 0) + Number(system ?? 0);
  }
  return ticks;
}
