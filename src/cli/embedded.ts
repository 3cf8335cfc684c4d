/**
 * A server just for the commands that use it: started by the first when none answers on this machine's socket, used by
 * every other, and ended when the last of them has ended, however it ended: each shares a lock that the server waits for.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { homeAt } from '../home.ts';
import { WherryError } from '../model/errors.ts';
import { shareLock } from '../process/lock.ts';
import { type Client, clientOptions, createClient } from './client.ts';
import { exitCodes } from './output.ts';

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));
const startMs = 60_000;
/** A server that saw its last user go is up to this long stopping. */
const stopSeconds = 60;

/** The client, and how to say that the server is not needed any more (it stays, if it ran already or others use it). */
export async function clientWithServer(flags: { server?: string; home?: string }): Promise<Client & AsyncDisposable> {
  const options = clientOptions(flags);
  const client = createClient(options);
  if (options.server !== null) return { ...client, [Symbol.asyncDispose]: async () => undefined };
  mkdirSync(options.home, { recursive: true, mode: 0o700 });
  const { users } = homeAt(options.home);
  const use = shareLock(users, stopSeconds);
  const server = await started(client, options.home);
  return {
    ...client,
    [Symbol.asyncDispose]: async () => {
      use?.release();
      if (server !== null) await stopping(server, users);
    },
  };
}

/** The server that was started for us, null when there is one already. @throws client.embedded */
async function started(client: Client, home: string): Promise<ChildProcess | null> {
  const logFile = join(home, 'server.log');
  const until = Date.now() + startMs;
  let server: ChildProcess | null = null;
  for (; !(await answers(client)); await sleep(100)) {
    server ??= start(home, logFile);
    // Somebody else's is about to answer, or has ended meanwhile: then it is ours to start.
    if (server.exitCode === exitCodes.running) server = null;
    if ((server === null || !hasEnded(server)) && Date.now() < until) continue;
    server?.kill('SIGKILL');
    throw new WherryError('client.embedded', { log: logFile }, new Error(lastLines(logFile)));
  }
  return server;
}

function start(home: string, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  const words = [mainFile, 'server', '--listen', 'none', '--home', home, '--until-unused'];
  const server = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', log], detached: true });
  server.on('error', () => undefined); // has ended, then
  closeSync(log);
  return server;
}

/** Resolves when it has ended; at once, when others use it. */
async function stopping(server: ChildProcess, users: string): Promise<void> {
  server.unref();
  const exited = new Promise((resolve) => server.once('exit', resolve));
  for (let tries = 0; tries < 10 && !hasEnded(server); tries++) {
    const shared = shareLock(users, 0);
    if (shared === null) {
      server.ref();
      await exited;
      return;
    }
    shared.release();
    await sleep(100);
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
