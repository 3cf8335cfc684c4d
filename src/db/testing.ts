/**
 * Real PostgreSQL for tests, quick: each test process has a small cluster of its own (its data copied from one that was
 * initialised once and kept in .cache), a template database with all migrations, and a copy of it for every caller.
 * When the last database of the process is closed, the cluster ends and its directory goes.
 *
 *     let test: TestDatabase;
 *     beforeAll(async () => { test = await createTestDatabase(); });
 *     afterAll(() => test.close());
 */
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { chmodSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from '../process/child.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { type Db, openDb } from './db.ts';
import { ensureInstallation } from './installation-store.ts';
import { migrate } from './migrate.ts';
import { openVault, type Vault } from './vault-store.ts';

export type TestDatabase = {
  readonly db: Db;
  /** For a second connection, as another server on the same database would have. */
  readonly connection: Cluster['connection'];
  close(): Promise<void>;
};

const quick = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '100' };
const prefix = 'wherry-test-db-';

let shared: Promise<{ cluster: Cluster; directory: string; admin: Db }> | undefined;
let users = 0;
let count = 0;

export async function createTestDatabase(): Promise<TestDatabase> {
  users += 1;
  shared ??= startShared();
  try {
    const { cluster, admin } = await shared;
    count += 1;
    const database = `test_${count}`;
    await admin.pool.query(`create database ${database} template template_wherry`);
    const connection = { ...cluster.connection, database };
    const db = openDb({ connection });
    return {
      db,
      connection,
      close: async () => {
        await db.close();
        await leave();
      },
    };
  } catch (error) {
    await leave();
    throw error;
  }
}

async function leave(): Promise<void> {
  users -= 1;
  if (users > 0 || shared === undefined) return;
  const ending = shared;
  shared = undefined;
  const started = await ending.catch(() => undefined);
  if (started === undefined) return;
  await started.admin.close();
  await started.cluster.stop();
  await rm(started.directory, { recursive: true, force: true });
}

async function startShared(): Promise<{ cluster: Cluster; directory: string; admin: Db }> {
  await sweep();
  const directory = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  chmodSync(directory, 0o711); // as root, PostgreSQL runs as another user
  try {
    const cluster = await startCopy(directory);
    try {
      return { cluster, directory, admin: await makeTemplate(cluster) };
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function makeTemplate(cluster: Cluster): Promise<Db> {
  const admin = openDb({ connection: cluster.connection, maxConnections: 1 });
  const template = openDb({ connection: { ...cluster.connection, database: 'template_wherry' }, maxConnections: 1 });
  try {
    await admin.pool.query('create database template_wherry');
    await migrate(template.pool);
    return admin;
  } catch (error) {
    await admin.close();
    throw error;
  } finally {
    await template.close();
  }
}

async function startCopy(directory: string): Promise<Cluster> {
  const uid = process.getuid?.() ?? 0;
  const cache = fileURLToPath(new URL(`../../.cache/test-postgres-${uid}`, import.meta.url));
  const own = join(directory, 'postgres');
  if (existsSync(join(cache, 'data', 'PG_VERSION'))) {
    try {
      await runChild('cp', ['-a', '--reflink=auto', cache, own]);
      return await startCluster({ directory: own, settings: quick });
    } catch {
      await rm(own, { recursive: true, force: true }); // of another PostgreSQL, or damaged: made anew
      await rm(cache, { recursive: true, force: true });
    }
  }
  const first = await startCluster({ directory: own, settings: quick });
  await first.stop();
  await mkdir(dirname(cache), { recursive: true });
  const copy = `${cache}.${process.pid}`;
  await runChild('cp', ['-a', '--reflink=auto', own, copy]);
  await rename(copy, cache).catch(() => rm(copy, { recursive: true, force: true })); // another was faster
  return startCluster({ directory: own, settings: quick });
}

/** What test processes left that were killed. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : 0;
    if (pid > 0 && !existsSync(`/proc/${pid}`)) await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}

/** The secrets of a test's installation; its key file goes with the directory of the test cluster. */
export async function openTestVault(db: Db): Promise<Vault> {
  if (shared === undefined) throw new Error('make a test database first');
  const { directory } = await shared;
  const { id } = await ensureInstallation(db);
  return openVault(db, join(directory, `secrets-${id}.key`));
}
