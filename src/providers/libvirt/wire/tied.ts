/** Programs with a pipe on their standard input, which die with us and get no environment but what is given. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

export type Tied = ChildProcessByStdio<Writable, Readable, Readable>;

const tailBytes = 8 * 1024;

export type TiedOptions = {
  /** All of its environment, beside PATH and LANG. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
};

/** Starts `command`; rejects when it cannot be started. */
export function startTied(
  command: string,
  args: readonly string[],
  { env = {}, cwd }: TiedOptions = {},
): Promise<{ process: Tied; stderr(): string; exited: Promise<number | null> }> {
  const child: Tied = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...base(), ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  let tail = '';
  child.stderr.on('data', (chunk: Buffer) => {
    tail = `${tail}${chunk.toString('utf8')}`.slice(-tailBytes);
  });
  // Whoever reads its output learns that it ended; a write after that is not worth a crash.
  child.stdin.on('error', () => undefined);
  const exited = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => resolve({ process: child, stderr: () => tail.trim(), exited }));
  });
}

/** Runs it to its end with `input` on its standard input. Never rejects for its exit code. */
export async function runTied(
  command: string,
  args: readonly string[],
  options: TiedOptions & { readonly input?: string; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  signal.throwIfAborted();
  const started = await startTied(command, args, options);
  let stdout = '';
  started.process.stdout.on('data', (chunk: Buffer) => {
    if (stdout.length < 1_000_000) stdout += chunk.toString('utf8');
  });
  const kill = (): void => void started.process.kill('SIGKILL');
  const timer = setTimeout(kill, options.timeoutMs);
  signal.addEventListener('abort', kill, { once: true });
  started.process.stdin.end(options.input ?? '');
  const code = await started.exited;
  clearTimeout(timer);
  signal.removeEventListener('abort', kill);
  signal.throwIfAborted();
  return { code, stdout, stderr: started.stderr() };
}

/** WHERRY_TREE marks what belongs to a worker's child (worker/strays.ts). */
function base(): Record<string, string> {
  const tree = process.env['WHERRY_TREE'];
  const plain = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' };
  return tree === undefined ? plain : { ...plain, WHERRY_TREE: tree };
}
