/**
 * The private PostgreSQL cluster: made once, on a unix socket only, gone when we are gone.
 *
 *     <directory>/data      the cluster; its PG_VERSION is the record of the major version
 *     <directory>/socket    0700; nothing listens on the network
 *
 * - `setpriv --pdeathsig INT` in front of `postgres`: killing us, however hard, is a clean fast shutdown of it.
 * - `initdb` works in `data.new`, renamed when complete: being killed meanwhile leaves nothing half made.
 * - The caller holds the installation's lock. So a postmaster that still lives is an orphan of a server that is dead,
 *   and one whose process has not been reaped keeps `postmaster.pid` for a moment: both pass, within 30 s.
 */
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { appendFile, chmod, chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { removeSocketDirectory, socketDirectory } from '../home.ts';
import { WherryError } from '../model/errors.ts';
import { type Child, runChild, startChild } from '../process/child.ts';
import { type ClusterUser, clusterUser } from './cluster-user.ts';
import type { DbOptions } from './db.ts';
import { findPostgres, type PostgresBinaries } from './postgres-binaries.ts';

export type Cluster = {
  readonly connection: DbOptions['connection'];
  readonly version: string;
  readonly pid: number;
  /** Resolves when PostgreSQL has ended, wanted or not. */
  readonly ended: Promise<void>;
  /** Fast shutdown: open transactions are rolled back. */
  stop(): Promise<void>;
};

export type ClusterOptions = {
  readonly directory: string;
  readonly onLog?: (line: string) => void;
  /** Further settings, for tests. */
  readonly settings?: Readonly<Record<string, string>>;
  /** How long a predecessor may take to be gone; milliseconds. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
};

const role = 'wherry';

/** Small: an idle server with its database has to fit into 300 MB. What is committed is on the disk. */
const settings = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  // Takes memory only as far as there is something to hold. A table of up to a quarter of it stays in it when it is looked
  // through: inventory_search has some 24 MB with 50,000 VMs.
  shared_buffers: '128MB',
  work_mem: '4MB',
  maintenance_work_mem: '32MB',
  max_connections: '60',
  max_worker_processes: '2',
  max_logical_replication_workers: '0',
  max_parallel_workers: '0',
  max_parallel_workers_per_gather: '0',
  autovacuum_max_workers: '1',
  wal_level: 'minimal',
  max_wal_senders: '0',
  min_wal_size: '64MB',
  max_wal_size: '256MB',
  synchronous_commit: 'on',
  fsync: 'on',
  jit: 'off',
  logging_collector: 'off',
  log_destination: 'stderr',
  log_min_messages: 'warning',
  lc_messages: 'C',
  timezone: 'UTC',
  log_timezone: 'UTC',
} as const;

/** Makes the cluster if there is none, and starts it. @throws the errors named server.postgres_… */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { directory, signal } = options;
  const data = join(directory, 'data');
  const version = join(data, 'PG_VERSION');
  const exists = existsSync(version);
  const major = exists ? Number.parseInt(readFileSync(version, 'utf8'), 10) : null;
  const binaries = await findPostgres(major, directory);
  await mkdir(dirname(directory), { recursive: true });
  const user = clusterUser(directory, binaries.directory, exists ? statSync(data).uid : undefined);
  const socket = socketDirectory(join(directory, 'socket'));
  try {
    await makeOwned(directory, user);
    await makeOwned(socket, user);
    if (!exists) await initialize(directory, binaries, user, signal);
    await writeAccess(data, user);
    return await start(options, data, socket, binaries, user);
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof WherryError ? error : new WherryError('server.postgres_failed', { directory }, error);
  }
}

async function makeOwned(path: string, user: ClusterUser): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  if (statSync(path).uid !== user.uid) await chown(path, user.uid, user.gid);
}

async function initialize(
  directory: string,
  binaries: PostgresBinaries,
  user: ClusterUser,
  signal: AbortSignal | undefined,
): Promise<void> {
  const made = join(directory, 'data.new');
  await rm(made, { recursive: true, force: true });
  await makeOwned(made, user);
  // Locale C: the order of text never changes under an index when the operating system is upgraded.
  const flags = ['-D', made, '-U', role, '-E', 'UTF8', '--locale=C', '--auth=peer', '--data-checksums'];
  const [command, ...args] = [...user.prefix, join(binaries.directory, 'initdb'), ...flags];
  if (command === undefined) return;
  await runChild(command, args, { cwd: '/', timeoutMs: 120_000, ...(signal === undefined ? {} : { signal }) });
  await appendFile(join(made, 'postgresql.conf'), '\n# Wherry gives its settings on the command line.\n');
  await rename(made, join(directory, 'data'));
}

/** Who may connect is written at each start: the account that Wherry runs under may have changed. */
async function writeAccess(data: string, user: ClusterUser): Promise<void> {
  const map = user.clients.map((name) => `wherry "${name}" ${role}\n`).join('');
  for (const [name, text] of [
    ['pg_hba.conf', 'local all all peer map=wherry\n'],
    ['pg_ident.conf', map],
  ] as const) {
    const path = join(data, name);
    await writeFile(path, text, { mode: 0o600 });
    await chown(path, user.uid, user.gid);
  }
}

async function start(
  options: ClusterOptions,
  data: string,
  socket: string,
  binaries: PostgresBinaries,
  user: ClusterUser,
): Promise<Cluster> {
  const chosen = { ...settings, unix_socket_directories: socket, ...options.settings };
  const flags = Object.entries(chosen).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const connection = { host: socket, user: role, database: 'postgres' };
  const postgres = join(binaries.directory, 'postgres');
  const [command, ...args] = [...user.prefix, 'setpriv', '--pdeathsig', 'INT', '--', postgres, '-D', data, ...flags];
  if (command === undefined) throw new Error('no command');
  const deadline = Date.now() + (options.patienceMs ?? 30_000);
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2_000)) {
    options.signal?.throwIfAborted();
    endOrphan(data);
    const child = await startChild(command, args, { cwd: '/', onLine: (_stream, line) => options.onLog?.(line) });
    try {
      if (await answers(child, connection, deadline)) return running(options, child, connection, binaries);
    } catch (error) {
      await end(child);
      throw error;
    }
    const { stderrTail, code } = await child.exited;
    const held = /lock file .* already exists|pre-existing shared memory block|is another postmaster/i.test(stderrTail);
    if (!held || Date.now() > deadline) throw new Error(stderrTail.trim() || `postgres ended with code ${code}`);
    await sleep(waitMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}

/** Whether it accepts connections before the deadline; false when it ended instead. Recovery after a crash takes time. */
async function answers(child: Child, connection: DbOptions['connection'], deadline: number): Promise<boolean> {
  let gone = false;
  void child.exited.then(() => {
    gone = true;
  });
  for (let last: unknown; ; await sleep(25)) {
    if (gone) return false;
    const client = new Client({ ...connection, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined); // what happens after this one question is not ours
    try {
      await client.connect();
      return true;
    } catch (error) {
      last = error;
    } finally {
      await client.end().catch(() => undefined);
    }
    if (Date.now() > deadline + 60_000) throw new Error('it does not accept connections', { cause: last });
  }
}

function running(
  { directory }: ClusterOptions,
  child: Child,
  connection: DbOptions['connection'],
  binaries: PostgresBinaries,
): Cluster {
  return {
    connection,
    version: binaries.version,
    pid: child.pid,
    ended: child.exited.then(() => undefined),
    stop: async () => {
      await end(child);
      await removeSocketDirectory(join(directory, 'socket'));
    },
  };
}

async function end(child: Child): Promise<void> {
  child.process.kill('SIGINT');
  const timers = [
    setTimeout(() => child.process.kill('SIGQUIT'), 20_000), // immediate: it recovers at the next start
    setTimeout(() => child.process.kill('SIGKILL'), 25_000),
  ];
  await child.exited;
  for (const timer of timers) clearTimeout(timer);
}

/** Tells a postmaster of a dead server to end: nobody else can be using this cluster, because we hold the lock. */
function endOrphan(data: string): void {
  try {
    const pid = Number.parseInt(readFileSync(join(data, 'postmaster.pid'), 'utf8'), 10);
    if (pid > 1 && readlinkSync(`/proc/${pid}/cwd`) === data) process.kill(pid, 'SIGINT');
  } catch {
    // no such file, no such process, or one that is not ours
  }
}
