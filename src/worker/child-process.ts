/**
 * The child process of one VM migration, seen from the worker. Its whole tree (qemu-nbd, virt-v2v, the qemu under it)
 * dies with it, and it dies with the worker:
 *
 *     worker ── setpriv --pdeathsig KILL unshare --fork --pid --kill-child ── node (pid 1 of its namespace) ── tools
 *
 * `--pdeathsig` alone would leave grandchildren; the death of pid 1 takes a PID namespace along, daemons included
 * (tried as root: none left). Without root the namespace needs a user namespace around it, with our own user in it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromChild, ToChild } from './messages.ts';

export type StepChild = {
  /** Of the outermost process (setpriv, then unshare): killing it kills the tree. */
  readonly pid: number;
  send(message: ToChild): void;
  /** KILLs the whole tree. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Never rejects. */
  readonly ended: Promise<ChildEnd>;
};

/** How it ended in words, and the last of what it printed; empty when it was silent. */
export type ChildEnd = { readonly how: string; readonly lastWords: string };

const maxLastWords = 2_000;
/** Output that is still in the pipes comes within this time; a pipe that somebody else holds must not keep us. */
const drainMs = 500;

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));

export function startStepChild(options: {
  readonly onMessage: (message: FromChild) => void;
  readonly onOutput: (line: string) => void;
  readonly directory: string;
}): StepChild {
  const child = spawn(
    'setpriv',
    [...treeArguments(process.getuid?.() === 0), process.execPath, mainFile, 'step-child'],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: childEnvironment(options.directory),
      serialization: 'json',
    },
  );
  child.on('message', (message) => options.onMessage(message as FromChild));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = `${output}${text}`.slice(-maxLastWords);
      options.onOutput(text.trimEnd());
    });
  }
  const ended = new Promise<ChildEnd>((resolve) => {
    const end = (how: string): void => resolve({ how, lastWords: output.trim() });
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

/** A child that is just ending is noticed by its end, not by a failed send. */
function sendQuietly(child: ChildProcess, message: ToChild): void {
  if (child.connected) child.send(message, () => undefined);
}

function treeArguments(isRoot: boolean): string[] {
  const user = isRoot ? [] : ['--user', '--map-current-user'];
  return ['--pdeathsig', 'KILL', '--', 'unshare', ...user, '--fork', '--pid', '--kill-child', '--'];
}

/** Nothing of ours but what the steps need: no database address, no token. */
function childEnvironment(directory: string): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { LANG: 'C.UTF-8', TMPDIR: directory, UV_THREADPOOL_SIZE: '8' };
  for (const name of [
    'PATH',
    'HOME',
    'XDG_RUNTIME_DIR',
    'XDG_CACHE_HOME',
    'WHERRY_FAIL_POINTS',
    'WHERRY_LIBVIRT_LOGS',
    'WHERRY_HOME',
    'NODE_COMPILE_CACHE',
  ]) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
