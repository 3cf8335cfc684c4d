import { afterAll, beforeAll, expect, test } from 'vitest';
import { json } from '../db/db.ts';
import { newId } from '../model/ids.ts';
import { createMigration } from './create-store.ts';
import { aSpec, anError, fakeWorker, work } from './testing/fake-worker.ts';
import { startTestServer, type TestServer } from './testing/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

test('a worker is told with each step who may name no more than it allows, and which stores it has; so with a retry', async () => {
  const worker = fakeWorker(server.app, 'one');
  await worker.hello();
  const other = fakeWorker(server.app, 'two');
  await other.hello();
  const store = (location: string, via: string | null) =>
    server.db.kysely
      .insertInto('provider')
      .values({
        id: newId(),
        name: location,
        type: 'ova',
        account: json({ type: 'ova' as const, location }),
        created_by: 'me',
        watch_token: newId(),
        via,
      })
      .execute();
  await store('/srv/store', worker.workerId);
  await store('/elsewhere', other.workerId);
  // Nobody said which worker: its watch is now here, now there, and nowhere in between.
  await store('/srv/any', null);
  await store('https://web.example/', worker.workerId);
  const seen: unknown[] = [];
  const see = (fails: boolean) =>
    work(worker, ({ restriction, step }) => {
      seen.push(restriction);
      return fails && step.name === 'verify' ? { kind: 'failed', error: anError('broken') } : undefined;
    });
  const make = (anyPath: boolean): Promise<string> =>
    createMigration(server.engine, { vms: [aSpec()] }, { actor: 'joe', anyPath }, async (_tx, id) => id);
  const id = await make(false);
  await see(true);
  expect(seen.length).toBeGreaterThan(4);
  expect(new Set(seen.map((each) => JSON.stringify(each)))).toEqual(new Set(['{"stores":["/srv/store","/srv/any"]}']));
  const { vmMigrations } = await server.migration(id);
  seen.length = 0;
  // Whoever does it again: the paths are still those of the one who named them.
  expect((await server.post(`/vm-migrations/${vmMigrations[0]?.id}/retry`)).status).toBe(201);
  await see(false);
  expect(new Set(seen.map((each) => JSON.stringify(each)))).toEqual(new Set(['{"stores":["/srv/store","/srv/any"]}']));
  seen.length = 0;
  await make(true);
  await see(false);
  expect(new Set(seen)).toEqual(new Set([undefined]));
});
