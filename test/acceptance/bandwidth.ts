/**
 * Limits that are set, changed and lifted while copies run, measured by what the target files grow by. A machine that is
 * busy with other things may hold a copy up: a rate counts as reached when one of several windows has it; that it is never
 * exceeded is asked of all.
 */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationView, Rates, WorkerView } from '../../src/migration/api.ts';
import { checkSucceeded } from './checks.ts';
import { diskSpec } from './disk-spec.ts';
import { type Product, startProduct } from './product.ts';
import type { Report, Scenario } from './scenario.ts';
import { makeStriped } from './striped.ts';

const mib = 2 ** 20;
const sizeBytes = 1536 * mib;
const windowMs = 5_500;
const windows = 3;
const tolerance = 0.05;

export const bandwidth: Scenario = {
  name: 'bandwidth',
  proves:
    'one worker’s limit holds over two migrations together, shared fairly, within 5 %; a change is obeyed within a second; a limit of one leaves the rest to the other',
  run: async (report) => {
    await using product = await startProduct();
    const worker = await workerOf(product);
    await limit(product, 'worker', worker.id, 32 * mib);
    const copies = await Promise.all(['one', 'two'].map((name) => begin(product, name)));
    const [one, two] = copies;
    if (one === undefined || two === undefined) throw new Error('nothing was begun');
    await until(async () => (await grown(one.file)) > 0 && (await grown(two.file)) > 0);
    await holds(report, copies, 32 * mib, 'two migrations under the worker’s limit of 32 MiB/s', ([a = 0, b = 0]) =>
      Math.abs(a / (a + b) - 0.5) < 0.1 ? null : `${a} and ${b} bytes`,
    );
    const view = await product.client.get<MigrationView>(`/migrations/${one.id}`);
    report.check(
      'the migration shows the limit that it is under',
      view.limits.some(({ scope }) => scope === 'worker'),
    );
    // On a busy machine it may for a while be the disk that it waits for.
    await until(async () => (await waitsFor(product, one)).startsWith('waiting for the bandwidth limit'));
    report.check('and says what it waits for', true);

    await limit(product, 'worker', worker.id, 64 * mib);
    await sleep(1_000);
    await holds(report, copies, 64 * mib, 'a second after the limit was raised to 64 MiB/s');
    await limit(product, 'migration', one.id, 8 * mib);
    await sleep(1_000);
    await holds(
      report,
      copies,
      64 * mib,
      'one migration limited to 8 MiB/s: the other has the rest',
      ([a = 0, b = 0]) => (Math.abs(a / (a + b) - 8 / 64) < 0.02 ? null : `${a} and ${b} bytes`),
    );
    await limit(product, 'worker', worker.id, 16 * mib);
    await sleep(1_000);
    await holds(report, copies, 16 * mib, 'a second after the limit was lowered to 16 MiB/s');
    await limit(product, 'worker', worker.id, null);
    await limit(product, 'migration', one.id, null);
    for (const { id } of copies) {
      const ended = await product.wait(id);
      checkSucceeded(report, ended);
      const rates = await product.client.get<Rates>(`/vm-migrations/${ended.vmMigrations[0]?.id}/rates`);
      const samples = rates.disks[0]?.copies.at(-1)?.samples ?? [];
      report.check('the rate over time is there after the end', samples.length > 10 && samples.length <= 120);
    }
  },
};

type Copy = { readonly id: string; readonly file: string };

async function begin(product: Product, name: string): Promise<Copy> {
  const source = join(product.scratch, `${name}.raw`);
  const directory = join(product.scratch, `out-${name}`);
  await mkdir(directory);
  await makeStriped(source, sizeBytes, [[0, sizeBytes]]);
  const id = await product.begin(diskSpec([source], { directory, format: 'raw' }, name));
  let file: string | undefined;
  await until(async () => {
    const view = await product.client.get<MigrationView>(`/migrations/${id}`);
    const detail = await product.client.get<{
      ledger: { kind: string; state: string; ref: { ref?: { partial?: string } } }[];
    }>(`/vm-migrations/${view.vmMigrations[0]?.id}`);
    const row = detail.ledger.find(({ kind, state }) => kind === 'target-disk' && state === 'created');
    file = row?.ref.ref?.partial;
    return file !== undefined;
  });
  return { id, file: join(directory, file ?? '') };
}

async function waitsFor(product: Product, { id }: Copy): Promise<string> {
  const view = await product.client.get<MigrationView>(`/migrations/${id}`);
  return view.vmMigrations[0]?.disks[0]?.bottleneck?.text ?? '';
}

/** Bytes that the file occupies: it is sparse until it is written. */
async function grown(file: string): Promise<number> {
  return (await stat(file)).blocks * 512;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

/** Of one window: from one growth to a later one, because a copy writes leaves of 4 MiB. */
async function measure(copies: readonly Copy[]): Promise<{ perSecond: number; bytes: number[] }> {
  const sizes = async (): Promise<number[]> => Promise.all(copies.map(({ file }) => grown(file)));
  const samples: { at: number; sizes: number[] }[] = [];
  const begun = performance.now();
  while (performance.now() - begun < windowMs) {
    const now = await sizes();
    const last = samples.at(-1);
    if (last === undefined || sum(now) > sum(last.sizes)) samples.push({ at: performance.now(), sizes: now });
    await sleep(10);
  }
  // The first one was there when the window began: nobody knows since when.
  const [, first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last === first) return { perSecond: 0, bytes: copies.map(() => 0) };
  const bytes = last.sizes.map((size, at) => size - (first.sizes[at] ?? 0));
  return { perSecond: (sum(bytes) * 1000) / (last.at - first.at), bytes };
}

async function holds(
  report: Report,
  copies: readonly Copy[],
  wanted: number,
  what: string,
  also: (bytes: readonly number[]) => string | null = () => null,
): Promise<void> {
  const seen: string[] = [];
  for (let window = 0; window < windows; window += 1) {
    const { perSecond, bytes } = await measure(copies);
    seen.push(`${(perSecond / mib).toFixed(2)} MiB/s`);
    if (perSecond > wanted * (1 + tolerance)) throw new Error(`${what}: exceeded, ${seen.join(', ')}`);
    if (perSecond < wanted * (1 - tolerance)) continue;
    const problem = also(bytes);
    report.check(what, problem === null, problem ?? '');
    report.figure('  measured', seen.join(', '));
    return;
  }
  report.check(what, false, seen.join(', '));
}

async function limit(product: Product, scope: string, id: string, bytesPerSecond: number | null): Promise<void> {
  await product.client.put('/limits', { limits: [{ scope, id, bytesPerSecond }] });
}

async function workerOf(product: Product): Promise<WorkerView> {
  let worker: WorkerView | undefined;
  await until(async () => {
    [worker] = (await product.client.get<{ items: WorkerView[] }>('/workers')).items;
    return worker !== undefined;
  });
  if (worker === undefined) throw new Error('there is no worker');
  return worker;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await isSo()); await sleep(20)) {
    if (Date.now() > end) throw new Error('waited in vain');
  }
}
