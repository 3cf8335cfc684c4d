/** The process that runs a VM migration's steps, from outside: held still, and what it has read and written down so far. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FailPoint } from '../../src/model/fail-points.ts';
import { leafBytes } from '../../src/transfer/digest.ts';
import type { Ambush } from './ambush.ts';
import type { Product } from './product.ts';

export type StepProcess = {
  readonly pid: number;
  /** Bytes that it has read since it was found: of files and sockets, from the page cache or not. */
  read(): Promise<number>;
  /** Resolves once all of it stands still. */
  hold(): Promise<void>;
  letGo(): void;
};

/** The step's own process, inside of what starts it and takes it along. */
export async function stepProcess(product: Product): Promise<StepProcess> {
  const pids = await product.childPids();
  const counts = await Promise.all(pids.map(async (pid) => ({ pid, bytes: await bytesRead(pid).catch(() => 0) })));
  const [largest] = counts.sort((a, b) => b.bytes - a.bytes);
  if (largest === undefined) throw new Error('no step runs');
  const { pid, bytes: before } = largest;
  return {
    pid,
    read: async () => (await bytesRead(pid)) - before,
    hold: async () => {
      process.kill(pid, 'SIGSTOP');
      for (const end = Date.now() + 5_000; !(await isStopped(pid)); await sleep(2)) {
        if (Date.now() > end) throw new Error(`process ${pid} does not stop`);
      }
    },
    letGo: () => void process.kill(pid, 'SIGCONT'),
  };
}

async function bytesRead(pid: number): Promise<number> {
  return Number(/^rchar: (\d+)/m.exec(await readFile(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0);
}

async function isStopped(pid: number): Promise<boolean> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const states = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/stat`, 'utf8').catch(() => ') T')),
  );
  return states.every((stat) => stat.slice(stat.lastIndexOf(')') + 2).startsWith('T'));
}

/** The journal of the first disk of the only VM migration that there is. */
export async function journalPath(product: Product): Promise<string> {
  const root = join(product.home, 'worker', 'vm-migrations');
  for (const name of await readdir(root)) {
    if ((await readdir(join(root, name))).includes('journal-0')) return join(root, name, 'journal-0');
  }
  throw new Error('there is no journal');
}

/**
 * Bytes of a disk without holes that a journal says are done, read without any code of the product: a header with its
 * length at byte 8, then records of 45 bytes, of which those of kind 1 are leaves.
 */
export async function journaledBytes(path: string): Promise<number> {
  const bytes = await readFile(path);
  const leaves = new Set<number>();
  for (let at = 8 + 4 + bytes.readUInt32BE(8) + 4; at + 45 <= bytes.length; at += 45) {
    if (bytes[at] === 1) leaves.add(bytes.readUInt32BE(at + 1));
  }
  return leaves.size * leafBytes;
}

/** Somebody waits at the point. */
export async function reached(ambush: Ambush, point: FailPoint, timeoutMs = 120_000): Promise<void> {
  for (const end = Date.now() + timeoutMs; !(await ambush.waiting()).includes(point); await sleep(10)) {
    if (Date.now() > end) throw new Error(`${point} was not reached`);
  }
}
