/**
 * Going on after KILL at 10, 50 and 90 % beside beginning again: at most 64 MiB of the disk are copied again. What was read
 * by the one that is killed is counted by the kernel (rchar, less what the same process reads beside its source), what is
 * read afterwards by the copy itself.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeRaw } from './images.ts';
import { type Contestant, race } from './measure.ts';
import { own } from './own.ts';
import type { Bench, Finding } from './result.ts';

const MiB = 1024 * 1024;
const moments = [10, 50, 90] as const;
const smallMiB = 8;
const formats = ['raw', 'qcow2'] as const;

export const resume: Bench = async ({ rounds, sizeMiB, dataMiB, directory }) => {
  const image = join(directory, 'source.raw');
  const output = join(directory, 'target');
  const journal = join(directory, 'journal');
  await makeRaw(image, sizeMiB, dataMiB);
  const small = join(directory, 'small.raw');
  await makeRaw(small, smallMiB, smallMiB);
  /** Bytes that the killed ones had read, run after run; the first round is not counted. */
  const before = new Map<string, number[]>();
  const contestants = formats.flatMap((format): Contestant[] => {
    const command = own(image, output, '--format', format, '--journal', journal);
    const beside = async (): Promise<number> => {
      const all = await readInAll(own(small, join(directory, 'small'), '--format', format));
      return all - smallMiB * MiB;
    };
    const fresh = async (): Promise<void> => {
      await rm(output, { force: true });
      await rm(journal, { force: true });
    };
    return [
      { name: `from the beginning, ${format}`, command, prepare: fresh, output },
      ...moments.map((moment): Contestant => {
        const name = `killed at ${moment} %, ${format}`;
        const prepare = async (): Promise<void> => {
          await fresh();
          const other = await beside();
          const read = (await killedAt(directory, command, other + (moment / 100) * dataMiB * MiB)) - other;
          before.set(name, [...(before.get(name) ?? []), read]);
        };
        return { name, command, prepare, output };
      }),
    ];
  });
  const rows = await race(contestants, rounds);
  const findings = formats.flatMap((format) =>
    moments.map((moment): Finding => {
      const name = `killed at ${moment} %, ${format}`;
      const after = rows.find((row) => row.name === name)?.runs.map(({ stdout }) => movedBy(stdout)) ?? [];
      const again = after.map((bytes, run) => (before.get(name)?.[run + 1] ?? 0) + bytes - dataMiB * MiB);
      return { what: `${name}: copied again, the worst`, value: Math.max(...again) / MiB, limit: 64, unit: 'MiB' };
    }),
  );
  return { rows, findings };
};

/** Resolves with the last that was seen of what it read; 50 samples a second and more. */
async function readInAll(command: readonly [string, ...string[]]): Promise<number> {
  const child = spawn(command[0], command.slice(1), { stdio: 'ignore' });
  let last = 0;
  while (child.exitCode === null && child.signalCode === null) {
    last = Math.max(last, readSoFar(child.pid ?? 0));
    await sleep(2);
  }
  if (child.exitCode !== 0) throw new Error(`it ended with ${child.exitCode}`);
  return last;
}

/** Resolves with what it had read when it was held and killed. */
async function killedAt(directory: string, command: readonly [string, ...string[]], bytes: number): Promise<number> {
  // What it leaves behind goes away with the bench.
  const env = { ...process.env, TMPDIR: directory };
  const child = spawn(command[0], command.slice(1), { stdio: 'ignore', env });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const pid = child.pid ?? 0;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode} before it was killed`);
    if (readSoFar(pid) >= bytes) break;
    await sleep(2);
  }
  child.kill('SIGSTOP');
  await sleep(20);
  const read = readSoFar(pid);
  child.kill('SIGKILL');
  await ended;
  return read;
}

function readSoFar(pid: number): number {
  try {
    return Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function movedBy(stdout: string): number {
  const value: unknown = JSON.parse(stdout);
  if (typeof value === 'object' && value !== null && 'bytesMoved' in value) return Number(value.bytesMoved);
  throw new Error(`the contestant printed ${stdout}`);
}
