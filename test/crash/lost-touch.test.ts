/** A worker whose server has forgotten it, has another in its place, or no longer wants what it keeps. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createClient } from '../../src/cli/client.ts';
import { type RunningServer, startServer } from '../../src/http/server.ts';
import type { MigrationView } from '../../src/migration/api.ts';
import { newId } from '../../src/model/ids.ts';
import { serverParts } from '../../src/server-parts.ts';
import { runWorker } from '../../src/worker/worker.ts';
import { ovaSpec } from '../acceptance/appliance-spec.ts';

let scratch: string;
let server: RunningServer;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'wherry-touch-'));
  const base = {
    listen: null,
    tls: null,
    databaseUrl: null,
    leaseMs: 6_000,
    logLevel: 'silent',
    worker: false,
  } as const;
  server = await startServer({ ...base, home: join(scratch, 'home') }, serverParts);
});
afterAll(async () => {
  await server.close();
  await rm(scratch, { recursive: true, force: true });
});

function begin(home: string): { readonly ended: Promise<void>; stop(): void } {
  const stopping = new AbortController();
  const ended = runWorker(
    {
      server: { socketPath: server.socketPath },
      home,
      version: 'test',
      capacity: 4,
      log: () => undefined,
    },
    stopping.signal,
  ).catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });
  onTestFinished(async () => {
    stopping.abort();
    await ended.catch(() => undefined);
  });
  return { ended, stop: () => stopping.abort() };
}

async function workers(): Promise<string[]> {
  const { rows } = await server.db.pool.query<{ id: string }>('select id from worker');
  return rows.map(({ id }) => id);
}

test('a server that does not know the worker is told again who it is; one that has another in its place loses it', async () => {
  const worker = begin(join(scratch, 'one'));
  await expect.poll(workers, { timeout: 10_000 }).toHaveLength(1);
  const [id] = await workers();
  await server.db.pool.query('delete from worker');
  await expect.poll(workers, { timeout: 15_000 }).toEqual([id]);

  await server.db.pool.query('update worker set boot_id = $1', [newId()]);
  await worker.ended; // resolves: it ends by itself
});

test('a home has one worker; when that ends it may have another', async () => {
  const home = join(scratch, 'two');
  const worker = begin(home);
  await expect.poll(workers, { timeout: 10_000 }).toHaveLength(2);
  const error = await begin(home).ended.catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'worker.already_running' });
  worker.stop();
  await worker.ended;
  const again = begin(home);
  expect(
    await Promise.race([again.ended.then(() => 'ended'), new Promise((resolve) => setTimeout(resolve, 1_000))]),
  ).toBe(undefined);
});

test('private directories that nothing asks for any more are swept at the start, others stay', async () => {
  const home = join(scratch, 'three');
  const client = createClient({ server: null, token: null, home: server.home.directory });
  // Queued: workers of the tests before have ended, and this one declines what is not there, but not before it was greeted.
  const target = { type: 'files', directory: '/nonexistent/out', format: 'qcow2', networks: {} } as const;
  const made = await client.post<MigrationView>('/migrations', { vms: [ovaSpec('/nonexistent.ova', target)] });
  const wanted = made.vmMigrations[0]?.targetCopyId ?? '';
  await server.db.pool.query(`update step set not_before = now() + interval '1 hour'`);
  const root = join(home, 'vm-migrations');
  const unknown = newId();
  for (const name of [wanted, unknown, `call-${newId()}`]) {
    await mkdir(join(root, name), { recursive: true });
    await writeFile(join(root, name, 'overlay-0.qcow2'), 'not empty');
  }
  begin(home);
  await expect.poll(() => readdir(root), { timeout: 10_000 }).toEqual([wanted]);
});
