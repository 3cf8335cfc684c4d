/** A user of a scenario's own, made and removed by root, or whoever runs the scenario when that is not root. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runChild } from '../../src/process/child.ts';
import { processesOf } from './product.ts';

export type OrdinaryUser = AsyncDisposable & {
  readonly name: string;
  /** Its own, and in it everything that it makes. */
  readonly home: string;
  /** Runs to its end. */
  run(command: readonly string[], env?: Record<string, string>): Promise<{ code: number | null; output: string }>;
  /** Goes on; its output is thrown away. */
  start(command: readonly string[]): void;
  /** Gives a file or directory of ours to it. */
  own(path: string): Promise<void>;
};

export async function ordinaryUser(): Promise<OrdinaryUser> {
  const home = await mkdtemp(join(tmpdir(), 'wherry-user-'));
  const isRoot = process.getuid?.() === 0;
  const name = isRoot ? `wherry-t${process.pid}` : userInfo().username;
  if (isRoot) {
    await runChild('useradd', ['--no-create-home', '--home-dir', home, '--shell', '/bin/sh', '--user-group', name]);
    await runChild('chown', [`${name}:`, home]);
  }
  const as = isRoot ? ['setpriv', `--reuid=${name}`, `--regid=${name}`, '--init-groups', '--'] : [];
  const environment = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', HOME: home, LANG: 'C.UTF-8', USER: name };
  const spawned = (command: readonly string[], env: Record<string, string>, stdio: 'pipe' | 'ignore') => {
    const [program = '', ...args] = [...as, ...command];
    return spawn(program, args, { cwd: home, env: { ...environment, ...env }, stdio: ['ignore', stdio, stdio] });
  };
  return {
    name,
    home,
    run: async (command, env = {}) => {
      const child = spawned(command, env, 'pipe');
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (output += String(text)));
      const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
      return { code, output };
    },
    start: (command) => void spawned(command, {}, 'ignore'),
    own: async (path) => {
      if (isRoot) await runChild('chown', ['-R', `${name}:`, path]);
    },
    [Symbol.asyncDispose]: async () => {
      for (const end = Date.now() + 10_000; Date.now() < end; await sleep(100)) {
        const left = await processesOf(home);
        if (left.length === 0) break;
        for (const { pid } of left) {
          try {
            process.kill(pid, 'SIGKILL');
          } catch {
            // ended just now
          }
        }
      }
      if (isRoot) {
        await removeSockets((await stat(home)).uid);
        await runChild('userdel', [name]);
      }
      await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

/** The short ways to its homes (home.ts), which a server that is killed leaves behind. */
async function removeSockets(uid: number): Promise<void> {
  for (const entry of await readdir('/tmp')) {
    if (entry.startsWith(`wherry-${uid}-`)) await rm(join('/tmp', entry), { recursive: true, force: true });
  }
}
