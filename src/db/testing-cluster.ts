/**
 * A real PostgreSQL for tests, quick: a cluster of its own (its data copied from one that was initialised once and kept in
 * .cache) with a template database that has all SQL migrations.
 */
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { chmodSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from '../process/child.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { openDb } from './db.ts';
import { migrate } from './migrate.ts';

export type TestCluster = {
  readonly connection: Cluster['connection'];
  /** Goes with the cluster. */
  readonly directory: string;
  stop(): Promise<void>;
};

export const templateName = 'template_wherry';
const quick = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' };
const prefix = 'wherry-test-db-';

export async function startTestCluster(): Promise<TestCluster> {
  await sweep();
  const directory = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  chmodSync(directory, 0o711); // as root, PostgreSQL runs as another user
  try {
    const cluster = await startCopy(directory);
    const stop = async (): Promise<void> => {
      await cluster.stop();
      await rm(directory, { recursive: true, force: true });
    };
    try {
      await makeTemplate(cluster);
      return { connection: cluster.connection, directory, stop };
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function makeTemplate({ connection }: Cluster): Promise<void> {
  const admin = openDb({ connection, maxConnections: 1 });
  try {
    await admin.pool.query(`create database ${templateName}`);
  } finally {
    await admin.close();
  }
  const template = openDb({ connection: { ...connection, database: templateName }, maxConnections: 1 });
  try {
    await migrate(template.pool);
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
