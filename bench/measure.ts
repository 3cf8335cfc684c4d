/**
 * One measurement: a program with all it starts. Wall time; CPU seconds of the whole tree, told by the shell that waited for
 * it; memory as the kernel's high-water marks (VmHWM), looked at 50 times a second: of the largest process and of all.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runChild } from '../src/process/child.ts';

export type Measure = {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  /** Of the largest process, and the sum of all that ever lived; shared pages count for each. */
  readonly peakMiB: number;
  readonly sumMiB: number;
  readonly stdout: string;
};
export type Contestant = {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Made anew before each run, outside the measurement (removed, and page caches dropped). */
  readonly prepare?: () => Promise<void>;
  /** Removed after each run. */
  readonly output?: string;
};
export type Row = Omit<Measure, 'stdout'> & { readonly name: string; readonly runs: readonly Measure[] };

const sampleMs = 20;
/** A run as long as this is told of on standard error. */
const toldAfterMs = 5_000;
const hungSeconds = 1_800;
const ticksPerSecond = 100;
/** As bin/wherry sets it: more threads, and modules come compiled when it has run before. */
const environment = {
  ...process.env,
  UV_THREADPOOL_SIZE: '16',
  NODE_COMPILE_CACHE: join(import.meta.dirname, '../.cache/node'),
};

/** The program's own failure is thrown with its words, as is that it took longer than `longestSeconds`. */
export async function measure(command: readonly [string, ...string[]], longestSeconds = hungSeconds): Promise<Measure> {
  // Fields 16 and 17 of its own stat: CPU time of children that were waited for, and of theirs.
  const script = '"$@"; status=$?; cat /proc/$$/stat >&3; exit $status';
  const began = performance.now();
  const child = spawn('sh', ['-c', script, 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: environment,
  });
  const [stdout, stderr, stat] = [1, 2, 3].map((index) => collect(child.stdio[index]));
  const peaks = new Map<number, number>();
  const timer = setInterval(() => sample(child.pid ?? 0, peaks), sampleMs);
  let hung = false;
  const ending = setTimeout(() => {
    hung = true;
    for (const pid of treeOf(child.pid ?? 0)) killIfThere(pid);
  }, longestSeconds * 1000);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  clearTimeout(ending);
  clearInterval(timer);
  const wallSeconds = (performance.now() - began) / 1000;
  if (hung) throw new Error(`${command.join(' ')}\nhad not ended after ${longestSeconds} s: ${stderr?.() ?? ''}`);
  if (code !== 0) throw new Error(`${command.join(' ')}\nended with ${code}: ${stderr?.() ?? ''}`);
  const fields = (stat?.() ?? '')
    .replace(/^.*\) /, '')
    .split(' ')
    .map(Number);
  const cpuSeconds = ((fields[13] ?? Number.NaN) + (fields[14] ?? Number.NaN)) / ticksPerSecond;
  const kib = [...peaks.values()];
  return {
    wallSeconds,
    cpuSeconds,
    peakMiB: Math.max(0, ...kib) / 1024,
    sumMiB: kib.reduce((sum, one) => sum + one, 0) / 1024,
    stdout: stdout?.() ?? '',
  };
}

function collect(stream: unknown): () => string {
  const parts: Buffer[] = [];
  if (stream !== null && typeof stream === 'object' && 'on' in stream && typeof stream.on === 'function') {
    stream.on('data', (part: Buffer) => parts.push(part));
  }
  return () => Buffer.concat(parts).toString('utf8');
}

/** High-water marks in KiB of a process and its descendants; what has ended by now is passed over. */
function sample(root: number, peaks: Map<number, number>): void {
  for (const pid of treeOf(root)) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const kib = Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0);
      peaks.set(pid, Math.max(kib, peaks.get(pid) ?? 0));
    } catch {
      // It has ended.
    }
  }
}

/** A process and its descendants, those first that were there first. */
function treeOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    return [pid, ...children.flatMap((child) => (child === '' ? [] : treeOf(Number(child))))];
  } catch {
    return [];
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** What a bench is at: those of minutes look like a hang otherwise. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/**
 * Runs all contestants in turn, round after round, so that what else the machine does hits all alike. Medians.
 * @param longestSeconds a run that takes longer has hung: it is ended, and the bench with it
 */
export async function race(
  contestants: readonly Contestant[],
  rounds: number,
  longestSeconds = hungSeconds,
): Promise<Row[]> {
  const runs = new Map<string, Measure[]>(contestants.map(({ name }) => [name, []]));
  // The first round fills caches and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    for (const { name, command, prepare, output } of contestants) {
      await prepare?.();
      const which = `${name}, ${round === 0 ? 'not counted' : `round ${round} of ${rounds}`}`;
      const slow = setTimeout(() => say(`  ${which} …`), toldAfterMs);
      const one = await measure(command, longestSeconds).finally(() => clearTimeout(slow));
      if (one.wallSeconds * 1000 > toldAfterMs) say(`  ${which}: ${one.wallSeconds.toFixed(1)} s`);
      if (round > 0) runs.get(name)?.push(one);
      if (output !== undefined) await removed(output);
    }
  }
  return contestants.map(({ name }) => {
    const mine = runs.get(name) ?? [];
    const middle = (pick: (one: Measure) => number): number => median(mine.map(pick));
    return {
      name,
      wallSeconds: middle((one) => one.wallSeconds),
      cpuSeconds: middle((one) => one.cpuSeconds),
      peakMiB: middle((one) => one.peakMiB),
      sumMiB: middle((one) => one.sumMiB),
      runs: mine,
    };
  });
}

/**
 * A file system may give the room of what was removed back to the device only when it next commits, beside whoever writes
 * then: 1 s and more of the next contestant's time for 4 GiB (ext4 mounted with `discard`, measured). So that is waited for.
 */
async function removed(output: string): Promise<void> {
  await rm(output, { recursive: true, force: true });
  await runChild('sync', ['--file-system', dirname(output)]);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}
