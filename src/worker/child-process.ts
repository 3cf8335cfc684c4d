/**
 * The child process of one VM migration (of one call, of one watched provider), seen from the worker. Its whole tree (qemu-nbd, virt-v2v, the qemu under it)
 * dies with it, and it dies with the worker:
 *
 *     worker ── setpriv --pdeathsig KILL unshare --fork --pid --kill-child ── node (pid 1 of its namespace) ── tools
 *
 * `--pdeathsig` alone would leave grandchildren; the death of pid 1 takes a PID namespace along, daemons included
 * (tried as root: none left). Without root there is no namespace, and strays.ts finds them.
 */
import { type ChildProcess, type SerializationType, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { FromChild, ToChild } from './messages.ts';
import { endStrays, newMark, treeMark } from './strays.ts';
import type { FromWatchChild, ToWatchChild } from './watch-messages.ts';

export type TreeChild<To> = {
  /** Of the outermost process (setpriv, then unshare): killing it kills the tree. */
  readonly pid: number;
  send(message: To): void;
  /** KILLs the whole tree. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Never rejects. All that it said has come by then, and nothing that it started is left. */
  readonly ended: Promise<ChildEnd>;
};

export type StepChild = TreeChild<ToChild>;

/** How it ended in words, and the last of what it printed; empty when it was silent. */
export type ChildEnd = { readonly how: string; readonly lastWords: string };

const maxLastWords = 2_000;
/** Output that is still in the pipes comes within this time; a pipe that somebody else holds must not keep us. */
const drainMs = 500;

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));

type ChildOptions<From> = {
  readonly onMessage: (message: From) => void;
  readonly onOutput: (line: string) => void;
  readonly directory: string;
};

/** Large buffers in pages of 2 MiB, with which disks are written faster (transfer/memory.ts). */
const hugePages = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };

/** Runs steps and calls. */
export function startStepChild(options: ChildOptions<FromChild>): StepChild {
  return startTree<ToChild, FromChild>(options, [mainFile, 'step-child'], hugePages);
}

/** Holds a read-ahead and two batches; what a system sends must not fill the machine's memory. */
const watchHeapMiB = 192;

/** What a first read throws away is looked through once there is so much of it, not every few MiB: see docs/benchmarks.md. */
const watchIdleMiB = 120;
/** For what lives as long as one object of an answer. */
const watchYoungMiB = 16;

/** Watches one provider. */
export function startWatchChild(options: ChildOptions<FromWatchChild>): TreeChild<ToWatchChild> {
  const heap = [
    `--max-old-space-size=${watchHeapMiB}`,
    `--initial-old-space-size=${watchIdleMiB}`,
    `--max-semi-space-size=${watchYoungMiB}`,
  ];
  // JSON would write the news, which are JSON, a second time, with a stroke before each of their quotation marks.
  return startTree<ToWatchChild, FromWatchChild>(options, [...heap, mainFile, 'watch-child'], {}, 'advanced');
}

/**
 * @param words what Node gets
 * @param besides added to its environment
 */
function startTree<To extends object, From>(
  options: ChildOptions<From>,
  words: readonly string[],
  besides: NodeJS.ProcessEnv = {},
  serialization: SerializationType = 'json',
): TreeChild<To> {
  const isRoot = process.getuid?.() === 0;
  const mark = isRoot ? undefined : newMark(options.directory);
  const child = spawn('setpriv', [...treeArguments(isRoot), process.execPath, ...words], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...childEnvironment(options.directory),
      ...besides,
      ...(mark === undefined ? {} : { [treeMark]: mark }),
    },
    serialization,
  });
  let inner: number | undefined;
  child.on('message', (message) => {
    inner ??= onlyChildOf(child.pid ?? -1);
    options.onMessage(message as From);
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = `${output}${text}`.slice(-maxLastWords);
      options.onOutput(text.trimEnd());
    });
  }
  const ended = new Promise<ChildEnd>((resolve) => {
    const end = (how: string): void => {
      const told = { how, lastWords: output.trim() };
      void (mark === undefined ? treeGone(inner) : endStrays(mark)).then(() => resolve(told));
    };
    child.once('error', (error) => end(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      const how = signal === null ? `ended with code ${code}` : `was killed by ${signal}`;
      child.once('close', () => end(how));
      setTimeout(() => end(how), drainMs).unref();
    });
  });
  return {
    pid: child.pid ?? -1,
    send: (message) => sendQuietly(child, message),
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    ended,
  };
}

/** Pid 1 of the child's namespace, as the machine numbers it. Undefined when it cannot be told. */
function onlyChildOf(pid: number): number | undefined {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return first === undefined || first === '' ? undefined : Number(first);
  } catch {
    return undefined;
  }
}

const treeGoneMs = 10_000;

/**
 * KILL of the outermost process ends the others a moment later, by the kernel's hand; pid 1 of a namespace is only gone, or
 * a zombie, when all others in it are. The next attempt needs what they hold: images are locked.
 */
async function treeGone(inner: number | undefined): Promise<void> {
  if (inner === undefined) return;
  for (const until = performance.now() + treeGoneMs; performance.now() < until; await sleep(5)) {
    try {
      const stat = readFileSync(`/proc/${inner}/stat`, 'utf8');
      if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) return;
    } catch {
      return;
    }
  }
}

/** A child that is just ending is noticed by its end, not by a failed send. */
function sendQuietly(child: ChildProcess, message: object): void {
  if (child.connected) child.send(message, () => undefined);
}

/** The memory of a child holds secrets; one that a hostile answer brings down must not leave it on a disk. */
const noCore = ['prlimit', '--core=0:0', '--'];

function treeArguments(isRoot: boolean): string[] {
  return [
    '--pdeathsig',
    'KILL',
    '--',
    ...noCore,
    ...(isRoot ? ['unshare', '--fork', '--pid', '--kill-child', '--'] : []),
  ];
}

/** Nothing of ours but what the steps need: no database address, no token. */
function childEnvironment(directory: string): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { LANG: 'C.UTF-8', TMPDIR: directory, UV_THREADPOOL_SIZE: '16' };
  for (const name of [
    'PATH',
    'HOME',
    'XDG_RUNTIME_DIR',
    'XDG_CACHE_HOME',
    'WHERRY_FAIL_POINTS',
    'WHERRY_LIBVIRT_LOGS',
    'WHERRY_HOME',
    'WHERRY_DIRECTORIES',
    'NODE_COMPILE_CACHE',
  ]) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
