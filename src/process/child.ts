/**
 * Child processes, as Wherry runs all of them: no shell, a clean environment, bounded in time and memory, dead when we are
 * dead (`setpriv --pdeathsig KILL`), and never with a secret among the arguments or in the environment.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export type ChildOptions = {
  /** Added to a minimal environment (PATH, HOME, LANG, TMPDIR). No secrets here. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Called for each line of output, as it comes; CR counts as a line end (progress bars). */
  readonly onLine?: (stream: 'stdout' | 'stderr', line: string) => void;
  readonly limits?: { readonly cpuSeconds: number };
};

export type Exit = { readonly code: number | null; readonly signal: string | null; readonly stderrTail: string };

export type Child = {
  readonly pid: number;
  readonly process: ChildProcess;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  /** TERM, and KILL when it has not ended after `graceMs`. Resolves when it is gone. */
  stop(graceMs?: number): Promise<Exit>;
};

const tailBytes = 16 * 1024;

/** Starts a program and resolves once it has started. Rejects (ENOENT, EACCES) when it could not. */
export function startChild(command: string, args: readonly string[], options: ChildOptions = {}): Promise<Child> {
  const wrapped = ['--pdeathsig', 'KILL', '--', ...limiter(options.limits), command, ...args];
  const child = spawn('setpriv', wrapped, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...baseEnvironment(), ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let stderrTail = '';
  for (const stream of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[stream], crlfDelay: 0 }).on('line', (text) => {
      for (const line of text.split('\r')) {
        if (stream === 'stderr') stderrTail = `${stderrTail}${line}\n`.slice(-tailBytes);
        options.onLine?.(stream, line);
      }
    });
  }
  const exited = new Promise<Exit>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stderrTail }));
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      const stop = async (graceMs = 5_000): Promise<Exit> => {
        if (child.exitCode === null && child.signalCode === null) {
          child.kill('SIGTERM');
          const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
          await exited;
          clearTimeout(timer);
        }
        return exited;
      };
      resolve({ pid: child.pid ?? -1, process: child, exited, stop });
    });
  });
}

export type RunOptions = ChildOptions & {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** More output than this ends the program; what a hostile image makes a tool print must not fill our memory. */
  readonly maxOutputBytes?: number;
};

/** Runs a program to its end and gives its standard output. @throws an Error with the last lines of its stderr. */
export async function runChild(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const max = options.maxOutputBytes ?? 64 * 1024 * 1024;
  const lines: string[] = [];
  let bytes = 0;
  let stopped: string | undefined;
  options.signal?.throwIfAborted();
  const child = await startChild(command, args, {
    ...options,
    onLine: (stream, line) => {
      options.onLine?.(stream, line);
      if (stream !== 'stdout' || stopped !== undefined) return;
      bytes += line.length + 1;
      if (bytes > max) halt(`printed more than ${max} bytes`);
      else lines.push(line);
    },
  });
  const halt = (why: string): void => {
    stopped ??= why;
    void child.stop();
  };
  const onAbort = (): void => halt('was canceled');
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => halt(`took longer than ${options.timeoutMs} ms`), options.timeoutMs);
  const exit = await child.exited;
  clearTimeout(timer);
  options.signal?.removeEventListener('abort', onAbort);
  options.signal?.throwIfAborted();
  if (stopped === undefined && exit.code === 0) return lines.join('\n');
  const how = stopped ?? (exit.code === null ? `was killed by ${exit.signal}` : `ended with code ${exit.code}`);
  throw new Error(`${command} ${how}: ${exit.stderrTail.trim().slice(-2000)}`);
}

function limiter(limits: ChildOptions['limits']): string[] {
  return limits === undefined ? [] : ['prlimit', `--cpu=${limits.cpuSeconds}`, '--'];
}

function baseEnvironment(): Record<string, string> {
  const kept: Record<string, string> = {
    LANG: 'C.UTF-8',
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  };
  // WHERRY_TREE marks what belongs to a worker's child (worker/strays.ts).
  for (const name of ['HOME', 'TMPDIR', 'XDG_RUNTIME_DIR', 'WHERRY_TREE']) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
