import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMigration } from './create-store.ts';
import { aSpec, anError, type FakeWorker, fakeWorker, work } from './testing/fake-worker.ts';
import { addStore } from './testing/store.ts';
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
  await addStore(server.db, '/srv/store', { via: worker.workerId });
  await addStore(server.db, '/elsewhere', { via: other.workerId });
  // Nobody said which worker: its watch is now here, now there, and nowhere in between.
  await addStore(server.db, '/srv/any');
  await addStore(server.db, 'https://web.example/', { via: worker.workerId });
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

test('a question about a file of a store goes to the worker that reads the store, which is told of it', async () => {
  const [one, two, three] = [fakeWorker(server.app, 'a'), fakeWorker(server.app, 'b'), fakeWorker(server.app, 'c')];
  for (const worker of [one, two, three]) await worker.hello();
  await addStore(server.db, '/data/by', { via: one.workerId });
  await addStore(server.db, '/data/watched', { watchedBy: two.workerId });
  const silent = fakeWorker(server.app, 'd');
  await silent.hello();
  await addStore(server.db, '/data/silent', { via: silent.workerId });
  const before = { alive_until: new Date(Date.now() - 60_000) };
  await server.db.kysely.updateTable('worker').set(before).where('id', '=', silent.workerId).execute();
  const { body } = await server.post('/tokens', { name: 'hands', role: 'operator' });
  const headers = { authorization: `Bearer ${String(body['token'])}`, 'x-test-local': 'no' };
  const ask = async (path: string, by: FakeWorker, more: object = {}): Promise<unknown> => {
    const payload = { source: { type: 'ova', path }, ...more };
    const asked = server.app.inject({ method: 'POST', url: '/api/v1/sources/list', payload, headers });
    let [call] = (await by.commands()).calls;
    for (let tries = 0; call === undefined && tries < 50; tries += 1) [call] = (await by.commands('', 100)).calls;
    await by.post('answer', { callId: call?.id, result: [], error: null });
    expect((await asked).statusCode).toBe(200);
    return (call?.params as { restriction?: unknown } | undefined)?.restriction;
  };
  // The one that was heard last would be asked if it were not for the store.
  await three.hello();
  expect(await ask('/data/by/web.ova', one)).toMatchObject({ stores: expect.arrayContaining(['/data/by']) });
  await three.hello();
  expect(await ask('/data/watched/a/web.ova', two)).toMatchObject({
    stores: expect.arrayContaining(['/data/watched']),
  });
  // Controls: what only begins alike, or leads out, is in no store; a silent worker is not waited for; one that is named is asked.
  for (const path of ['/data/by-another/web.ova', '/data/by/../web.ova', '/data/silent/web.ova']) {
    await three.hello();
    expect(await ask(path, three)).toEqual({ stores: [] });
  }
  expect(await ask('/data/by/web.ova', three, { workerId: three.workerId })).not.toMatchObject({
    stores: expect.arrayContaining(['/data/by']),
  });
});
