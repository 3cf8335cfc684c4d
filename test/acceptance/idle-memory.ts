import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { processesOf, startProduct } from './product.ts';
import type { Scenario } from './scenario.ts';

const maxMiB = 300;

export const idleMemory: Scenario = {
  name: 'idle-memory',
  proves: `server, PostgreSQL and built-in worker together need less than ${maxMiB} MB when nothing is to do`,
  run: async (report) => {
    await using product = await startProduct();
    while ((await product.workerPid()) === -1) await sleep(100);
    await sleep(8_000);
    const own = await processesOf(product.home);
    const pids = new Set([...own.map(({ pid }) => pid), ...(await childrenOf(own.map(({ pid }) => pid)))]);
    let sum = 0;
    for (const pid of pids) sum += await privateMiB(pid);
    // What is mapped from files (Node itself) is shared by both of our processes: it counts once.
    const node = await mappedMiB(product.serverPid());
    report.figure('processes', pids.size);
    report.figure('memory that is theirs alone (MiB)', sum.toFixed(0));
    report.figure('Node’s program, once (MiB)', node.toFixed(0));
    report.check('server, worker and PostgreSQL were counted', pids.size >= 7, String(pids.size));
    report.check(`all of it is below ${maxMiB} MiB`, sum + node < maxMiB, (sum + node).toFixed(0));
  },
};

async function childrenOf(pids: readonly number[]): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (/^\d+$/.test(entry) && pids.includes(parent)) found.push(Number(entry));
  }
  return found;
}

/** Anonymous memory, and its share of what PostgreSQL's processes share. */
async function privateMiB(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return kib(rollup, 'Pss_Anon') + kib(rollup, 'Pss_Shmem');
}

async function mappedMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return kib(status, 'RssFile');
}

function kib(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024;
}
