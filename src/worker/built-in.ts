/**
 * The built-in worker: one machine is enough. It is a process of its own that outlives a server which was killed, so that
 * an outage costs no copy and no conversion: the next server finds it by its pid file and leaves it be. It ends with a
 * server that is stopped in order, and by itself when no server has answered for a long time (worker.ts).
 *
 * Whether a pid is still that process is told by its start time (/proc/PID/stat, field 22): pids are used again.
 */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export type BuiltInWorker = { stop(): Promise<void> };

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));
const watchMs = 300;
/** A worker that dies at once again and again must not be started as fast as it dies. */
const restartWaitsMs = [0, 500, 2_000, 10_000];

/**
 * Keeps one worker running in `home` (its directory, not the server's) until `stop`, which ends it with TERM, then KILL.
 * `logFile` gets what it prints: its own descriptor, so that it can go on without us.
 */
export async function keepWorker(options: {
  readonly home: string;
  readonly logFile: string;
  readonly environment: NodeJS.ProcessEnv;
  log(level: 'info' | 'warn', message: string): void;
}): Promise<BuiltInWorker> {
  await mkdir(options.home, { recursive: true, mode: 0o700 });
  const stopping = new AbortController();
  let failures = 0;
  let startedAt = 0;
  let pid = await runningWorker(options.home);
  if (pid !== null) options.log('info', `the worker of an earlier server still runs (pid ${pid}): it goes on`);

  const tend = async (): Promise<void> => {
    if (pid !== null && (await runningWorker(options.home)) === pid) return;
    if (pid !== null) options.log('warn', `the worker (pid ${pid}) is gone; starting it again`);
    failures = Date.now() - startedAt < 10_000 ? failures + 1 : 0;
    await pause(restartWaitsMs[Math.min(failures, restartWaitsMs.length - 1)] ?? 0, () => stopping.signal.aborted);
    if (stopping.signal.aborted) return;
    startedAt = Date.now();
    pid = startProcess(options.environment, options.logFile);
    await recordPid(options.home, pid);
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
      if (pid !== null) await endProcess(options.home, pid);
      await rm(pidFile(options.home), { force: true });
    },
  };
}

function startProcess(environment: NodeJS.ProcessEnv, logFile: string): number {
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(process.execPath, [mainFile, 'worker', '--built-in'], {
    detached: true,
    stdio: ['ignore', log, log],
    env: environment,
  });
  child.unref();
  return child.pid ?? -1;
}

async function endProcess(home: string, pid: number): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGTERM', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    if ((await runningWorker(home)) !== pid) return;
    process.kill(pid, signal);
    const until = Date.now() + waitMs;
    while (Date.now() < until && (await runningWorker(home)) === pid) await pause(20, () => false);
  }
}

function pidFile(home: string): string {
  return `${home}/worker.pid`;
}

async function recordPid(home: string, pid: number): Promise<void> {
  await writeFile(`${pidFile(home)}.new`, `${pid} ${(await startTimeOf(pid)) ?? ''}\n`, { mode: 0o600 });
  await rename(`${pidFile(home)}.new`, pidFile(home));
}

/** The pid of the worker that the pid file names, when it really is still that process. */
export async function runningWorker(home: string): Promise<number | null> {
  const text = await readFile(pidFile(home), 'utf8').catch(() => '');
  const [pid, startTime] = text.trim().split(' ');
  if (pid === undefined || startTime === undefined || startTime === '') return null;
  return (await startTimeOf(Number(pid))) === startTime ? Number(pid) : null;
}

/** Null when there is no such process, or only its remains (a zombie). */
async function startTimeOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the name in parentheses and may hold anything: count from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === undefined || fields[0] === 'Z' || fields[0] === '') return null;
  return fields[19] ?? null;
}

async function pause(ms: number, enough: () => boolean): Promise<void> {
  const until = Date.now() + ms;
  while (Date.now() < until && !enough()) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(50, Math.max(1, until - Date.now()))));
  }
}
