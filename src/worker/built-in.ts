/**
 * The built-in worker: one machine is enough. It is a process of its own that outlives a server which was killed, so that
 * an outage costs no copy and no conversion: the next server finds it by its pid file (pid-file.ts) and leaves it be. It
 * ends with a server that is stopped in order, and by itself when no server has answered for a long time (worker.ts). One that
 * lives and says nothing any more (it hangs, or somebody has stopped it) is ended, and another one started.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { readIdentity } from './identity.ts';
import { runningWorker, startTimeOf } from './pid-file.ts';

export type BuiltInWorker = { stop(): Promise<void> };

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));
const watchMs = 300;
/** A worker that dies at once again and again must not be started as fast as it dies. */
const restartWaitsMs = [0, 500, 2_000, 10_000];
const soonMs = 3_000;
/** It ends its children and says goodbye to the server in less. */
const endMs = 5_000;

/**
 * Keeps one worker running in `home` (its directory, not the server's) until `stop`, which ends it with TERM, then KILL.
 * `logFile` gets what it prints: its own descriptor, so that it can go on without us.
 */
export async function keepWorker(options: {
  readonly home: string;
  readonly logFile: string;
  readonly environment: NodeJS.ProcessEnv;
  /** A worker that has said nothing for this long is ended. */
  readonly silentMs: number;
  /** What changes with each word of the worker to the server; null when it has never said one. Throws when it cannot be told. */
  heard(workerId: string): Promise<string | null>;
  log(level: 'info' | 'warn', message: string): void;
}): Promise<BuiltInWorker> {
  await mkdir(options.home, { recursive: true, mode: 0o700 });
  const stopping = new AbortController();
  let failures = 0;
  let startedAt = 0;
  /** Ours that has not said yet that it is the worker; it ends by itself when another one is. */
  let started: number | null = null;
  let pid = await runningWorker(options.home);
  if (pid !== null) options.log('info', `the worker of an earlier server still runs (pid ${pid}): it goes on`);

  const silence = watchSilence(options);
  const tend = async (): Promise<void> => {
    const now = await runningWorker(options.home);
    if (now !== null) {
      pid = now;
      started = null;
      if (!(await silence(now))) return;
      const seconds = Math.round(options.silentMs / 1000);
      options.log('warn', `the worker (pid ${now}) has said nothing for ${seconds} s: it is ended`);
      await endProcess(now, ['SIGKILL']);
      return;
    }
    if (started !== null && (await startTimeOf(started)) !== null) return;
    if (pid !== null) options.log('warn', `the worker (pid ${pid}) is gone; starting it again`);
    pid = null;
    failures = Date.now() - startedAt < soonMs ? failures + 1 : 0;
    await pause(restartWaitsMs[Math.min(failures, restartWaitsMs.length - 1)] ?? 0, () => stopping.signal.aborted);
    if (stopping.signal.aborted) return;
    startedAt = Date.now();
    started = startProcess(options.environment, options.logFile);
  };
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await tend();
      await pause(watchMs, () => stopping.signal.aborted);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await loop;
      for (const each of new Set([started, await runningWorker(options.home)])) {
        if (each !== null) await endProcess(each);
      }
    },
  };
}

/** Of a server's environment without what opens its database: a worker has no business there. */
export function workerEnvironment(ofServer: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(ofServer).filter(([name]) => name !== 'WHERRY_DATABASE_URL' && !name.startsWith('PG'));
  return Object.fromEntries(kept);
}

/**
 * Whether a worker has been silent for too long: asked again and again, it counts only the time in which its last word could
 * be looked up, and no more of it than two looks are apart. A server that hung, or whose database was away, heard nobody.
 */
function watchSilence(options: Pick<Parameters<typeof keepWorker>[0], 'home' | 'silentMs' | 'heard'>) {
  const everyMs = options.silentMs / 12;
  let of = -1;
  let last: string | null = null;
  let silentMs = 0;
  let lookedAt = Number.NEGATIVE_INFINITY;
  return async (pid: number): Promise<boolean> => {
    const sinceMs = performance.now() - lookedAt;
    if (pid === of && sinceMs < everyMs) return false;
    lookedAt = performance.now();
    const id = await readIdentity(options.home);
    let word: string | null;
    try {
      word = id === null ? null : await options.heard(id);
    } catch {
      return false;
    }
    if (pid !== of || word !== last) silentMs = 0;
    else silentMs += Math.min(sinceMs, 2 * everyMs);
    of = pid;
    last = word;
    return silentMs > options.silentMs;
  };
}

function startProcess(environment: NodeJS.ProcessEnv, logFile: string): number {
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(process.execPath, [mainFile, 'worker', '--built-in'], {
    detached: true,
    stdio: ['ignore', log, log],
    env: environment,
  });
  closeSync(log);
  child.on('error', () => undefined); // noticed by its absence
  child.unref();
  return child.pid ?? -1;
}

/** TERM, then KILL. Whether it is still the same process is told by its start time. */
async function endProcess(
  pid: number,
  signals: readonly ('SIGTERM' | 'SIGKILL')[] = ['SIGTERM', 'SIGKILL'],
): Promise<void> {
  const start = await startTimeOf(pid);
  if (start === null) return;
  for (const signal of signals) {
    if ((await startTimeOf(pid)) !== start) return;
    process.kill(pid, signal);
    const until = Date.now() + endMs;
    while (Date.now() < until && (await startTimeOf(pid)) === start) await pause(20, () => false);
  }
}

async function pause(ms: number, enough: () => boolean): Promise<void> {
  const until = Date.now() + ms;
  while (Date.now() < until && !enough()) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(50, Math.max(1, until - Date.now()))));
  }
}
