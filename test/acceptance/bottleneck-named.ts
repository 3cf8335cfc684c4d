/**
 * Whether a copy names what holds it up: a slow source, a slow target, a small limit and a busy CPU planted in turn, five
 * times each, between real NBD servers. For the CPU the copy shares one with programs that never rest, while the servers
 * have the other: what is slow then is nothing but the copying itself.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, runChild, startChild } from '../../src/process/child.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { existsSync } from 'node:fs';
import type { Report, Scenario } from './scenario.ts';

type Station = 'source' | 'target' | 'limiter' | 'cpu';
type Measured = {
  readonly bottleneck: Station | null;
  readonly waited: Readonly<Record<Station, number>>;
  readonly bytesMoved: number;
  readonly seconds: number;
};
type Plant = {
  readonly station: Station;
  /** What is planted, in words and for nbdkit. */
  readonly what: string;
  readonly mib: number;
  readonly source?: readonly string[];
  readonly target?: readonly string[];
  readonly bytesPerSecond?: number;
  readonly burners?: number;
};

const mib = 2 ** 20;
const rounds = 5;
const delayedSource = { station: 'source', what: 'each read takes 0.6 s', mib: 192 } as const;
const ratedSource = { station: 'source', what: '120 Mbit/s', mib: 80 } as const;
const delayedTarget = { station: 'target', what: 'each write takes 0.6 s', mib: 192 } as const;
const ratedTarget = { station: 'target', what: '120 Mbit/s', mib: 80 } as const;
const plants: readonly (readonly Plant[])[] = [
  [
    { ...delayedSource, source: ['--filter=delay', 'rdelay=600ms'] },
    { ...ratedSource, source: ['--filter=rate', 'rate=120M', 'burstiness=0.2'] },
  ],
  [
    { ...delayedTarget, target: ['--filter=delay', 'wdelay=600ms'] },
    { ...ratedTarget, target: ['--filter=rate', 'rate=120M', 'burstiness=0.2'] },
  ],
  [
    { station: 'limiter', what: '24 MiB/s', mib: 96, bytesPerSecond: 24 * mib },
    { station: 'limiter', what: '12 MiB/s', mib: 48, bytesPerSecond: 12 * mib },
  ],
  [
    { station: 'cpu', what: 'three programs that never rest on the same CPU', mib: 256, burners: 3 },
    { station: 'cpu', what: 'six of them', mib: 192, burners: 6 },
  ],
];

export const bottleneckNamed: Scenario = {
  name: 'bottleneck-named',
  long: true,
  alone: true,
  proves: 'a slow source, a slow target, a small limit and a busy CPU, planted in turn, are named 20 times of 20',
  unavailable: async () => (availableParallelism() < 2 ? 'needs two CPUs' : null),
  run: async (report) => {
    const folder = await mkdtemp(join(tmpdir(), 'wherry-bottleneck-'));
    try {
      for (const kinds of plants) {
        for (let round = 0; round < rounds; round += 1)
          await planted(report, folder, kinds[round % kinds.length], round);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function planted(report: Report, folder: string, plant: Plant | undefined, round: number): Promise<void> {
  if (plant === undefined) throw new Error('nothing is planted');
  const { station, what, burners = 0 } = plant;
  const pinned = burners > 0;
  const running: Child[] = [];
  try {
    const size = `size=${plant.mib}M`;
    const servers = await Promise.all([
      serve(folder, `${station}-${round}-from`, pinned, nbdkit('pattern', size, plant.source)),
      serve(folder, `${station}-${round}-to`, pinned, nbdkit('memory', size, plant.target)),
    ]);
    running.push(...servers.map(({ child }) => child));
    for (let index = 0; index < burners; index += 1) running.push(await burner());
    const [from, to] = servers.map(({ socket }) => socket);
    const found = await copyBetween(from ?? '', to ?? '', plant.bytesPerSecond ?? 0, pinned);
    const shares = Object.entries(found.waited).map(([name, share]) => `${name} ${Math.round(share * 100)} %`);
    report.check(
      `${station} (${what}), ${round + 1} of ${rounds}: named`,
      found.bottleneck === station,
      `${found.bottleneck}: ${shares.join(', ')}`,
    );
    if (found.bytesMoved !== plant.mib * mib) throw new Error(`${found.bytesMoved} bytes were copied`);
    report.figure(`  ${found.seconds.toFixed(1)} s`, shares.join(', '));
  } finally {
    await Promise.all(running.map((child) => child.stop(500)));
  }
}

/** A filter stands before the plugin, its parameters behind. */
function nbdkit(plugin: string, size: string, [filter, ...parameters]: readonly string[] = []): string[] {
  return filter === undefined ? [plugin, size] : [filter, plugin, size, ...parameters];
}

/** nbdkit on a socket, listening; beside the copy when that is bound to CPU 0. */
async function serve(
  folder: string,
  name: string,
  pinned: boolean,
  words: readonly string[],
): Promise<{ child: Child; socket: string }> {
  const socket = join(folder, name);
  const pid = `${socket}.pid`;
  const child = await startChild(...onCpu(pinned ? 1 : null, ['nbdkit', '-f', '-U', socket, '-P', pid, ...words]));
  let ended: string | null = null;
  void child.exited.then(({ stderrTail }) => (ended = stderrTail));
  while (!existsSync(pid)) {
    if (ended !== null) throw new Error(`nbdkit ended: ${String(ended)}`);
    await sleep(10);
  }
  return { child, socket };
}

/** Never rests, and ends by itself after a minute of CPU time whatever happens. */
async function burner(): Promise<Child> {
  return startChild(...onCpu(0, ['sh', '-c', 'while :; do :; done']), { limits: { cpuSeconds: 60 } });
}

async function copyBetween(from: string, to: string, bytesPerSecond: number, pinned: boolean): Promise<Measured> {
  const script = fileURLToPath(new URL('bottleneck-copy.ts', import.meta.url));
  const words = [process.execPath, script, from, to, String(bytesPerSecond)];
  const [command, args] = onCpu(pinned ? 0 : null, words);
  return JSON.parse(await runChild(command, args, { timeoutMs: 150_000 })) as Measured;
}

function onCpu(cpu: number | null, words: readonly string[]): [string, string[]] {
  const [command = '', ...args] = words;
  return cpu === null ? [command, args] : ['taskset', ['-c', String(cpu), command, ...args]];
}
