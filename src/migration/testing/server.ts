/** For tests: a server with an engine on a database of its own, without a socket. */
import { createTestDatabase, openTestVault, type TestDatabase } from '../../db/testing.ts';
import { openDb } from '../../db/db.ts';
import { createApp } from '../../http/app.ts';
import { startHub } from '../../http/event-hub.ts';
import { limitRoutes } from '../../http/limit-routes.ts';
import { migrationRoutes } from '../../http/migration-routes.ts';
import { workerRoutes } from '../../http/worker-routes.ts';
import { newId } from '../../model/ids.ts';
import type { App } from '../../http/routes.ts';
import type { MigrationView, VmMigrationDetail } from '../api.ts';
import { type EngineOptions, startEngine } from '../engine.ts';
import { aSpec } from './fake-worker.ts';

export type TestServer = Awaited<ReturnType<typeof startTestServer>>;

/** Quick, but longer than a busy machine stalls. */
const quick = {
  leaseMs: 2_000,
  heartbeatMs: 300,
  tickMs: 25,
  backoffMs: 10,
  maxBackoffMs: 40,
  patienceMs: 0,
  callMs: 2_000,
};

/** `beside`: another server's database, for two servers on one. */
export async function startTestServer(policy: Partial<EngineOptions> = {}, beside?: TestDatabase) {
  const test = beside ?? (await createTestDatabase());
  const db = openDb({ connection: test.connection });
  const hub = await startHub(db);
  const errors: unknown[] = [];
  const vault = await openTestVault(db);
  const engine = await startEngine({ ...quick, ...policy, db, vault, onError: (error) => errors.push(error) });
  const stopping = new AbortController();
  const { app } = await createApp({
    stopping: stopping.signal,
    db,
    hub,
    routes: [workerRoutes(engine), migrationRoutes(engine), limitRoutes(engine)],
    isLocal: ({ headers }) => headers['x-test-local'] !== 'no',
    setupTokenFile: '/nonexistent',
    checkAnswers: true,
  });
  return {
    test,
    db,
    app,
    engine,
    errors,
    ...callsOf(app),
    close: async () => {
      stopping.abort();
      await app.close();
      await engine.stop();
      await db.close();
      if (errors.length > 0) throw new AggregateError(errors, 'the clock of the engine met errors');
      if (beside === undefined) await test.close();
    },
  };
}

function callsOf(app: App) {
  const get = async <T>(url: string): Promise<T> => {
    const answer = await app.inject({ method: 'GET', url: `/api/v1${url}` });
    if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.statusCode} ${answer.body}`);
    return answer.json<T>();
  };
  const post = async (url: string, payload: object = {}, key = newId()) => {
    const headers = { 'idempotency-key': key };
    const answer = await app.inject({ method: 'POST', url: `/api/v1${url}`, payload, headers });
    return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() };
  };
  return {
    get,
    post,
    create: async (count = 1): Promise<MigrationView> => {
      const vms = Array.from({ length: count }, (_, index) => aSpec(`/tmp/web${index}.ova`));
      const { status, body } = await post('/migrations', { vms });
      if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`);
      return body as unknown as MigrationView;
    },
    migration: (id: string) => get<MigrationView>(`/migrations/${id}`),
    vm: (id: string) => get<VmMigrationDetail>(`/vm-migrations/${id}`),
  };
}
