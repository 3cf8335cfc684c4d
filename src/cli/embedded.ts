/** A server just for one command: started when none answers on this machine's socket, ended with the command. */
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WherryError } from '../model/errors.ts';
import { type Client, clientOptions, createClient } from './client.ts';

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));
const startMs = 60_000;

/** The client, and how to end what was started for it (nothing, when a server ran already). */
export async function clientWithServer(flags: { server?: string; home?: string }): Promise<Client & AsyncDisposable> {
  const options = clientOptions(flags);
  const client = createClient(options);
  if (options.server !== null || (await answers(client)))
    return { ...client, [Symbol.asyncDispose]: async () => undefined };
  mkdirSync(options.home, { recursive: true, mode: 0o700 });
  const logFile = join(options.home, 'server.log');
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'TERM', '--', process.execPath, mainFile, 'server', '--listen', 'none', '--home', options.home],
    { stdio: ['ignore', 'ignore', log], detached: true },
  );
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.once('error', () => resolve(null));
  });
  let gone = false;
  void exited.then(() => (gone = true));
  const until = Date.now() + startMs;
  while (!(await answers(client))) {
    if (gone || Date.now() > until) {
      child.kill('SIGKILL');
      throw new WherryError('client.embedded', { log: logFile }, new Error(lastLines(logFile)));
    }
    await sleep(100);
  }
  return {
    ...client,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
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
