/**
 * A server just for the commands that use it: started by the first when none answers on this machine's socket, used by
 * every other, and ended when the last of them has ended, however it ended: each shares a lock that the server waits for.
 * One that is killed meanwhile is started again by whoever misses it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { homeAt } from '../home.ts';
import { WherryError } from '../model/errors.ts';
import { type Lock, shareLock } from '../process/lock.ts';
import { type Client, clientOptions, createClient } from './client.ts';
import { exitCodes } from './output.ts';
import { untilUnused } from './server-command.ts';

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));
const startMs = 60_000;
/** A server that saw its last user go is up to this long stopping. */
const stopSeconds = 60;

/**
 * The client, and how to say that the server is not needed any more (it stays, if it ran already or others use it).
 * @throws client.home, client.stopping, client.embedded
 */
export async function clientWithServer(flags: { server?: string; home?: string }): Promise<Client & AsyncDisposable> {
  const options = clientOptions(flags);
  const plain = createClient(options);
  if (options.server !== null) return { ...plain, [Symbol.asyncDispose]: async () => undefined };
  const { home } = options;
  const use = await usable(home, plain);
  if (use === null) return { ...plain, [Symbol.asyncDispose]: async () => undefined };
  let server: ChildProcess | null;
  try {
    server = await started(plain, home);
  } catch (error) {
    use.release();
    throw error;
  }
  const isCommands = isForCommands(home);
  const revive = async (): Promise<boolean> => {
    if (isCommands) server = (await started(plain, home)) ?? server;
    return isCommands;
  };
  return {
    ...createClient({ ...options, revive }),
    [Symbol.asyncDispose]: async () => {
      use.release();
      server?.unref();
      if (isCommands) await stopping(homeAt(home).users);
    },
  };
}

/**
 * Our share in the server of this home, which none ends that was started for commands. Null where this user may reach a
 * server, but not write beside it.
 */
async function usable(home: string, client: Client): Promise<Lock | null> {
  const { users, lock } = homeAt(home);
  let use: Lock | null;
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    use = shareLock(users, stopSeconds);
  } catch (error) {
    if (await answers(client)) return null;
    throw new WherryError('client.home', { home }, error);
  }
  if (use !== null) return use;
  throw new WherryError('client.stopping', { home, pid: holderOf(lock), seconds: stopSeconds });
}

/** The server that was started for us, null when there is one already. @throws client.embedded */
async function started(client: Client, home: string): Promise<ChildProcess | null> {
  const logFile = join(home, 'server.log');
  const until = Date.now() + startMs;
  let server: ChildProcess | null = null;
  for (; !(await answers(client)); await sleep(100)) {
    server ??= start(home, logFile);
    // Somebody else's is about to answer, or has ended meanwhile, or somebody has killed ours: then one is ours to start.
    if (server.exitCode === exitCodes.running || server.signalCode !== null) server = null;
    if ((server === null || !hasEnded(server)) && Date.now() < until) continue;
    server?.kill('SIGKILL');
    throw new WherryError('client.embedded', { log: logFile }, new Error(lastLines(logFile)));
  }
  return server;
}

function start(home: string, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  const words = [mainFile, 'server', '--listen', 'none', '--home', home, untilUnused];
  const server = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', log], detached: true });
  server.on('error', () => undefined); // has ended, then
  closeSync(log);
  return server;
}

/** Resolves when the server has ended; soon, when others use it. */
async function stopping(users: string): Promise<void> {
  let isStopping = false;
  for (let tries = 0; ; tries++) {
    // Whoever holds it alone is the server, from when nobody used it to its end.
    const shared = shareLock(users, 0);
    shared?.release();
    if (shared !== null && (isStopping || tries === 10)) return;
    isStopping ||= shared === null;
    await sleep(100);
  }
}

/** Whether the server that runs there was started by a command, and not by somebody who starts it again when it is gone. */
function isForCommands(home: string): boolean {
  try {
    const words = readFileSync(`/proc/${holderOf(homeAt(home).lock)}/cmdline`, 'utf8').split('\0');
    return words.includes(untilUnused);
  } catch {
    return false; // it has just ended
  }
}

/** The process that runs there, as its lock names it. */
function holderOf(lock: string): string {
  try {
    return readFileSync(lock, 'utf8').trim() || 'unknown';
  } catch {
    return 'unknown';
  }
}

function hasEnded({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}

async function answers(client: Client): Promise<boolean> {
  return client.get('/session', { timeoutMs: 2_000 }).then(
    () => true,
    () => false,
  );
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
}
