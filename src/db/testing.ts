/**
 * Real PostgreSQL for tests, quick: a database with all SQL migrations, copied from a template. Under vitest all test
 * processes share one cluster (testing-setup.ts); elsewhere (benches) each database has a cluster of its own.
 *
 *     let test: TestDatabase;
 *     beforeAll(async () => { test = await createTestDatabase(); });
 *     afterAll(() => test.close());
 */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Client } from 'pg';
import { newId } from '../model/ids.ts';
import type { Cluster } from './cluster.ts';
import { type Db, openDb } from './db.ts';
import { ensureInstallation } from './installation-store.ts';
import { startTestCluster, templateName } from './testing-cluster.ts';
import { clusterSocket, type SharedCluster } from './testing-setup.ts';
import { openVault, type Vault } from './vault-store.ts';

export type TestDatabase = {
  readonly db: Db;
  /** For a second connection, as another server on the same database would have. */
  readonly connection: Cluster['connection'];
  close(): Promise<void>;
};

let shared: Promise<SharedCluster> | undefined;

export async function createTestDatabase(): Promise<TestDatabase> {
  const asked = process.env[clusterSocket];
  const own = asked === undefined ? await startTestCluster() : undefined;
  const cluster = own ?? (await (shared ??= askFor(asked ?? '')));
  const database = `test_${newId().replaceAll('-', '')}`;
  // Files are copied, which nobody waits for with fsync off: 24 ms of CPU instead of 68 through the log.
  await command(cluster, `create database ${database} template ${templateName} strategy file_copy`);
  const connection = { ...cluster.connection, database };
  const db = openDb({ connection });
  return {
    db,
    connection,
    close: async () => {
      await db.close();
      await (own === undefined ? command(cluster, `drop database ${database} with (force)`) : own.stop());
    },
  };
}

async function askFor(path: string): Promise<SharedCluster> {
  const socket = createConnection(path);
  await once(socket, 'connect');
  const answer = JSON.parse(await text(socket)) as SharedCluster | { readonly error: string };
  if ('error' in answer) throw new Error(`the tests’ PostgreSQL does not start: ${answer.error}`);
  return answer;
}

async function command({ connection }: SharedCluster, sql: string): Promise<void> {
  const client = new Client(connection);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** The secrets of a test's installation; its key file goes with the directory of the test cluster. */
export async function openTestVault(db: Db): Promise<Vault> {
  if (shared === undefined) throw new Error('make a test database first');
  const { directory } = await shared;
  const { id } = await ensureInstallation(db);
  return openVault(db, join(directory, `secrets-${id}.key`));
}
