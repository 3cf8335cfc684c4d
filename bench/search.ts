/** A spread of filters over 50,000 VMs: 95 of 100 searches (a page with its total) take at most 100 ms. */
import { readFileSync } from 'node:fs';
import type { Db } from '../src/db/db.ts';
import { createTestDatabase } from '../src/db/testing.ts';
import { searchVms } from '../src/inventory/search-store.ts';
import { parseFilter } from '../src/inventory/search/parse.ts';
import type { Sort } from '../src/inventory/sorting.ts';
import type { Row } from './measure.ts';
import type { Bench, BenchResult } from './result.ts';
import { fill } from './search-vms.ts';

const vms = 50_000;
const rounds = 20;

const searches: readonly (readonly [filter: string, sort: Sort])[] = [
  ['', 'name'],
  ['', '-memory'],
  ['name ~ web*', 'name'],
  ['web-0', 'name'],
  ['name = DB-00002', 'name'],
  ['power = on and disks.size > 1TiB', 'name'],
  ['name ~ web* and power = on and disks.size > 1TiB and network = "VM Network"', 'name'],
  ['host ~ esx-7-* and not power = on', 'host'],
  ['cluster in (cluster-1, cluster-2, cluster-3) and cpus >= 8', '-cpus'],
  ['ip ~ 10.7.* or mac = 00:50:56:00:01:02', 'name'],
  ['severity >= warning and concern = vmware.tpm.detected', '-severity'],
  ['storage ~ vmfs-1?-* and snapshots.count > 0', 'folder'],
  ['disks.mode ~ independent* and cbt = no', 'name'],
  ['os ~ *windows* and memory >= 64GiB and tag = env/prod', '-disks.total'],
  ['devices.kind = tpm or firmware = efi and template = no', 'name'],
  ['nothing.of.this.name', 'name'],
];
/** Read from the stored objects, not from narrow columns: shown, and part of no promise. */
const slow: typeof searches = [
  ['facts.vmware.consolidationNeeded = yes', 'name'],
  ['disks.path ~ *web-0004*', 'name'],
  ['description ~ *window*', 'name'],
];

export const search: Bench = async () => {
  const database = await createTestDatabase();
  try {
    await fill(database.db, vms, 5);
    return await measureSearches(database.db);
  } finally {
    await database.close();
  }
};

/** Wall time of a row is its 95th percentile; CPU is what a search takes on average, here and in PostgreSQL. */
export async function measureSearches(db: Db): Promise<Omit<BenchResult, 'name'>> {
  const rows: Row[] = [];
  const promised: number[] = [];
  for (const [text, sort] of searches) {
    const { first, second, cpuSeconds } = await measure(db, text, sort);
    promised.push(...first, ...second);
    rows.push({ ...row(`${text || '(all)'} by ${sort}`, first), cpuSeconds });
  }
  rows.push(row(`all ${promised.length} of the promise`, promised));
  for (const [text, sort] of slow) {
    const { first, cpuSeconds } = await measure(db, text, sort);
    rows.push({ ...row(`${text} (from stored objects)`, first), cpuSeconds });
  }
  const value = percentile(promised, 0.95);
  return { rows, findings: [{ what: `search over ${vms} VMs, p95`, value, limit: 100, unit: 'ms' }] };
}

/** As a request does it, from its text on; where there is a second page, that one too. */
async function measure(
  db: Db,
  text: string,
  sort: Sort,
): Promise<{ first: number[]; second: number[]; cpuSeconds: number }> {
  const page = (after?: string) => searchVms(db, { filter: parseFilter(text), sort }, { limit: 100, after });
  const { next } = await page();
  await page(); // caches are warm from here on, as they are on a server
  const first: number[] = [];
  const second: number[] = [];
  const cpuBefore = await cpu(db);
  for (let round = 0; round < rounds; round += 1) {
    first.push(await timed(() => page()));
    if (next !== null) second.push(await timed(() => page(next)));
  }
  return { first, second, cpuSeconds: ((await cpu(db)) - cpuBefore) / (first.length + second.length) };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

const ticksPerSecond = 100;

/** Of this process and of the database's backends, in seconds. */
async function cpu(db: Db): Promise<number> {
  const { user, system } = process.cpuUsage();
  const { rows } = await db.pool.query<{ pid: number }>(
    'select pid from pg_stat_activity where datname = current_database()',
  );
  const ticks = rows.map(({ pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return Number(fields[11]) + Number(fields[12]);
  });
  return (user + system) / 1e6 + ticks.reduce((sum, one) => sum + one, 0) / ticksPerSecond;
}

function row(name: string, tookMs: readonly number[]): Row {
  return { name, wallSeconds: percentile(tookMs, 0.95) / 1_000, cpuSeconds: 0, peakMiB: 0, sumMiB: 0, runs: [] };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
