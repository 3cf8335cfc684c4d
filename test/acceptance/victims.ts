/** Who is killed, with KILL and nothing else, and that a killed server is started again (nobody else needs that). */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Product } from './product.ts';

export const victims = ['child', 'worker', 'server', 'qemu-nbd'] as const;
export type Victim = (typeof victims)[number];

/** A repeatable source of chance (mulberry32): 0 to 1. */
export type Chance = () => number;

export function chanceFrom(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Host pids that this victim would be now; empty when there is none. */
export async function pidsOf(product: Product, victim: Victim): Promise<number[]> {
  switch (victim) {
    case 'server':
      return [product.serverPid()];
    case 'worker': {
      const pid = await product.workerPid();
      return pid === -1 ? [] : [pid];
    }
    case 'child':
      return product.childPids();
    case 'qemu-nbd': {
      const below = (await Promise.all((await product.childPids()).map(descendants))).flat();
      const named = await Promise.all([...new Set(below)].map(async (pid) => ({ pid, name: await nameOf(pid) })));
      return named.filter(({ name }) => name === 'qemu-nbd').map(({ pid }) => pid);
    }
    default:
      return victim satisfies never;
  }
}

/** Kills one process of that kind. False when there is none. Returns while the killed server is still away. */
export async function kill(product: Product, victim: Victim, chance: Chance): Promise<boolean> {
  const pids = await pidsOf(product, victim);
  const pid = pids[Math.floor(chance() * pids.length)];
  if (pid === undefined) return false;
  if (victim === 'server') {
    await product.killServer();
    return true;
  }
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    return false; // it ended just now
  }
  for (const end = Date.now() + 5_000; (await isAlive(pid)) && Date.now() < end; ) await sleep(5);
  return true;
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
}

async function nameOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
}

export async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = text.trim().split(' ').filter(Boolean).map(Number);
  return [...children, ...(await Promise.all(children.map(descendants))).flat()];
}
