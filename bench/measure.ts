/** One measurement: a program, its wall time, the CPU seconds of it and all its children, its largest process. */
import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type Measure = { readonly wallSeconds: number; readonly cpuSeconds: number; readonly peakMiB: number };
export type Contestant = {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Removed before each run. */
  readonly output: string;
};
export type Row = Measure & { readonly name: string; readonly runs: readonly Measure[] };

const run = promisify(execFile);

/** Needs GNU time (Debian: time). The program's own failure is thrown with its words. */
export async function measure(command: readonly [string, ...string[]], directory: string): Promise<Measure> {
  const report = join(directory, 'time');
  await run('/usr/bin/time', ['-f', '%e %U %S %M', '-o', report, ...command], { maxBuffer: 64 * 1024 * 1024 });
  const [wall = 0, user = 0, system = 0, peakKiB = 0] = (await readFile(report, 'utf8')).trim().split(' ').map(Number);
  return { wallSeconds: wall, cpuSeconds: user + system, peakMiB: peakKiB / 1024 };
}

/** Runs all contestants in turn, round after round, so that what else the machine does hits all alike. Medians. */
export async function race(contestants: readonly Contestant[], rounds: number, directory: string): Promise<Row[]> {
  const runs = new Map<string, Measure[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, command, output } of contestants) {
      await rm(output, { force: true });
      runs.get(name)?.push(await measure(command, directory));
      await rm(output, { force: true });
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
      runs: mine,
    };
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2;
}
