/** Wherry as a user runs it: `bin/wherry` in a home of its own, and what may be left of it afterwards (nothing). */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { chown, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClient, type Client } from '../../src/cli/client.ts';
import { follow } from '../../src/cli/follow.ts';
import { homeAt } from '../../src/home.ts';
import type { MigrationView, VmMigrationDetail } from '../../src/migration/api.ts';
import type { VmMigrationSpec } from '../../src/model/spec.ts';
import { runningWorker } from '../../src/worker/pid-file.ts';

export const wherry = fileURLToPath(new URL('../../bin/wherry', import.meta.url));

export type Said = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** `bin/wherry WORDS` in the product's home, to its end. */
export function runWherry({ home }: Pick<Product, 'home'>, words: readonly string[]): Promise<Said> {
  const child = spawn(wherry, [...words, '--home', home], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (part) => (said[name] += String(part)));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...said })));
}

export type Product = AsyncDisposable & {
  readonly home: string;
  /** A directory of the scenario's own, removed with the product. */
  readonly scratch: string;
  readonly client: Client;
  serverPid(): number;
  workerPid(): Promise<number>;
  /** Host pids of the processes that run VM migrations' steps. */
  childPids(): Promise<number[]>;
  startServer(): Promise<void>;
  /** TERM, and waits. */
  stopServer(): Promise<void>;
  /** KILL of the server alone; its built-in worker goes on. */
  killServer(): Promise<void>;
  migrate(spec: VmMigrationSpec): Promise<MigrationView>;
  begin(spec: VmMigrationSpec): Promise<string>;
  wait(id: string): Promise<MigrationView>;
  detail(view: MigrationView): Promise<VmMigrationDetail>;
  /** What is left after everything has ended: processes, sockets, work files. Each as a line. */
  leftovers(): Promise<string[]>;
};

export type ProductOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly leaseMs?: number;
  /** What starts the server instead of us, which must become it (exec): in another mount namespace, as another user. */
  readonly launcher?: readonly string[];
  /** The user id that the launcher changes to: owner of the scratch directory. */
  readonly owner?: number;
  /** False: workers are the test's own. */
  readonly builtIn?: boolean;
};

export async function startProduct(options: ProductOptions = {}): Promise<Product> {
  const scratch = await mkdtemp(join(tmpdir(), 'wherry-accept-'));
  if (options.owner !== undefined) await chown(scratch, options.owner, options.owner);
  const home = join(scratch, 'home');
  const temp = await tempEntries();
  const client = createClient({ server: null, token: null, home });
  let server: ChildProcess | undefined;

  const startServer = async (): Promise<void> => {
    const log = openSync(join(scratch, 'server.log'), 'a');
    const words = [...(options.launcher ?? []), wherry, 'server', '--listen', 'none', '--home', home];
    if (options.builtIn === false) words.push('--no-worker');
    server = spawn(words[0] ?? wherry, words.slice(1), {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...options.env, WHERRY_LEASE_MS: String(options.leaseMs ?? 60_000), WHERRY_HOME: home },
    });
    closeSync(log);
    for (const end = Date.now() + 60_000; ; await sleep(50)) {
      if (
        await client.get('/session', { timeoutMs: 1_000 }).then(
          () => true,
          () => false,
        )
      )
        return;
      if (Date.now() > end || server.exitCode !== null) {
        throw new Error(`the server did not start: ${await readFile(join(scratch, 'server.log'), 'utf8')}`);
      }
    }
  };
  const ended = async (): Promise<void> => {
    const ending = server;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    await new Promise((resolve) => ending.once('exit', resolve));
  };
  const stopServer = async (): Promise<void> => {
    server?.kill('SIGTERM');
    await ended();
  };
  const begin = async (spec: VmMigrationSpec): Promise<string> =>
    (await client.post<{ id: string }>('/migrations', { vms: [spec] })).id;
  const wait = (id: string): Promise<MigrationView> => follow(client, id, () => undefined);
  await startServer();
  return {
    home,
    scratch,
    client,
    serverPid: () => server?.pid ?? -1,
    workerPid: async () => (await runningWorker(join(home, 'worker'))) ?? -1,
    childPids: async () =>
      (await processesOf(home)).filter(({ command }) => command.includes('step-child')).map(({ pid }) => pid),
    startServer,
    stopServer,
    killServer: async () => {
      server?.kill('SIGKILL');
      await ended();
    },
    begin,
    wait,
    migrate: async (spec) => wait(await begin(spec)),
    detail: (view) => client.get(`/vm-migrations/${view.vmMigrations[0]?.id}`),
    leftovers: async () => {
      const work = await readdir(join(home, 'worker', 'vm-migrations')).catch(() => []);
      const processes = (await processesOf(home)).filter(({ command }) => !isOwn(command));
      const others = await allCommands();
      // What a living process works in is that process's; if it is one of ours it is in the list itself.
      const temporary = [...(await tempEntries())].filter((name) => !temp.has(name) && !others.includes(`/${name}`));
      return [
        ...work.map((name) => `directory ${name}`),
        ...processes.map(({ pid, command }) => `process ${pid} ${command}`),
        ...temporary.map((name) => `temporary ${name}`),
      ];
    },
    [Symbol.asyncDispose]: async () => {
      await stopServer();
      const worker = await runningWorker(join(home, 'worker'));
      if (worker !== null) process.kill(worker, 'SIGKILL');
      await untilGone(home);
      await rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
      await rm(homeAt(home).run, { recursive: true, force: true });
    },
  };
}

/** Server, worker and PostgreSQL may live while the product runs. */
function isOwn(command: string): boolean {
  return /main\.ts (server|worker)\b|\bpostgres\b/.test(command);
}

/** Processes that work in this home: by their arguments, working directory or environment. */
export async function processesOf(home: string): Promise<{ pid: number; command: string }[]> {
  const found: { pid: number; command: string }[] = [];
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const [command, environment, cwd, stat] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
      readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''),
      readlink(`/proc/${pid}/cwd`).catch(() => ''),
      readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
    ]);
    const isZombie = stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
    if (isZombie || command === '') continue;
    if (command.includes(home) || environment.includes(home) || cwd.startsWith(home)) {
      found.push({ pid, command: command.replaceAll('\0', ' ').trim() });
    }
  }
  return found;
}

async function allCommands(): Promise<string> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  return (await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))).join('\n');
}

async function untilGone(home: string): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(50)) {
    if ((await processesOf(home)).length === 0) return;
  }
}

/** Where tools leave things behind: temporary directories. Other programs' entries come and go: only ours are named. */
async function tempEntries(): Promise<Set<string>> {
  const names = (await readdir(tmpdir())).filter((name) => /^(v2v|libguestfs|nbd|wherry-\d|qemu)/.test(name));
  return new Set(names);
}
