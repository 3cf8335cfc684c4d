import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LogPage, MigrationPage, WorkerView } from './api.ts';
import { anError, fakeWorker, openRow, preflightResult, work } from './testing/fake-worker.ts';
import { startTestServer, type TestServer } from './testing/server.ts';
import { whatIs } from './view-store.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ leaseMs: 30_000 });
});
afterAll(() => server.close());

async function mortalServer() {
  const mortal = await startTestServer({ leaseMs: 400, tickMs: 20 });
  return { server: mortal, [Symbol.asyncDispose]: () => mortal.close() };
}

test('a list has what is in progress or what has ended, and the two together are everything', async () => {
  const worker = fakeWorker(server.app, 'lists');
  await worker.hello();
  const ended = await server.create();
  await work(worker);
  const running = await server.create();
  const ids = async (query: string): Promise<string[]> =>
    (await server.get<MigrationPage>(`/migrations?limit=200${query}`)).items.map(({ id }) => id);
  expect(await ids('&ended=true')).toEqual([ended.id]);
  expect(await ids('&ended=false')).toEqual([running.id]);
  expect(await ids('')).toEqual([running.id, ended.id]);
  await work(worker);
});

test('a concern is shown with its text and what to do, beside the code it is stored as', async () => {
  const worker = fakeWorker(server.app, 'concerns');
  await worker.hello();
  const made = await server.create();
  const concern = { code: 'ova.drive_ignored', severity: 'information', params: { vm: 'web', disk: 'cdrom1' } };
  const newer = { code: 'of.a.newer.wherry', severity: 'warning', params: {} };
  await work(worker, ({ step }) =>
    step.name === 'preflight'
      ? { kind: 'succeeded', result: { ...preflightResult, concerns: [concern, newer] } }
      : undefined,
  );
  const [first, second] = (await server.migration(made.id)).vmMigrations[0]?.concerns ?? [];
  expect(first).toMatchObject(concern);
  expect(first?.text).toContain('cdrom1');
  expect(first?.next).not.toBe('');
  expect(second).toMatchObject({ ...newer, text: 'of.a.newer.wherry' });
});

test('a summary says which steps run, and afterwards what was left behind and by which name', async () => {
  const worker = fakeWorker(server.app, 'summaries');
  await worker.hello();
  const made = await server.create();
  const preflight = await worker.lease(1_000);
  const summary = async (): Promise<MigrationPage['items'][number] | undefined> =>
    (await server.get<MigrationPage>('/migrations?limit=200')).items.find(({ id }) => id === made.id);
  expect((await summary())?.running).toEqual([{ step: 'preflight', vms: 1 }]);
  expect((await summary())?.leftBehind).toBe(0);
  await worker.ledger(preflight?.token ?? '', openRow());
  await worker.finish(preflight?.token ?? '', { kind: 'failed', error: anError('the disk is gone') });
  await work(worker, ({ step }) =>
    step.name === 'undo' ? { kind: 'failed', error: anError('it is busy') } : undefined,
  );
  for (let tries = 0; (await summary())?.state !== 'failed' && tries < 40; tries += 1)
    await work(worker, () => ({ kind: 'failed', error: anError('it is busy') }));
  expect(await summary()).toMatchObject({ state: 'failed', running: [], leftBehind: 1 });
  expect((await server.migration(made.id)).vmMigrations[0]?.leftBehind).toMatchObject([
    { kind: 'target-disk', what: '/somewhere' },
  ]);
});

test('what an object is called comes from what is known of it, and never throws', () => {
  expect(whatIs({ key: 'disk-1', pool: 'default', volume: 'web.qcow2' })).toBe('pool default, volume web.qcow2');
  // As steps record a disk and a VM: the provider's handle is inside.
  const disk = { diskId: 'd', sizeBytes: 1, format: 'raw', key: 'd' };
  expect(whatIs({ ...disk, ref: { name: 'web-disk0.raw', partial: 'x', path: '/out/web-disk0.raw' } })).toBe(
    '/out/web-disk0.raw',
  );
  expect(whatIs({ ...disk, ref: { pool: 'default', volume: 'web.qcow2', partial: 'x' } })).toBe(
    'pool default, volume web.qcow2',
  );
  expect(whatIs({ name: 'web', key: 'vm', ref: { uuid: 'u', consoleLog: '/log' } })).toBe('name web, uuid u');
  expect(whatIs({ key: 'disk-1' })).toBe('disk-1');
  expect(whatIs({ key: 'x', path: '/a/b' })).toBe('/a/b');
  for (const odd of [null, undefined, 7, 'text', [], {}]) expect(whatIs(odd)).toBe('');
});

test('a log begins and ends with each attempt, and its newest lines can be asked for first', async () => {
  const worker = fakeWorker(server.app, 'logs');
  await worker.hello();
  const made = await server.create();
  const id = made.vmMigrations[0]?.id ?? '';
  const lease = await worker.lease(1_000);
  const log = Array.from({ length: 20 }, (_, n) => ({
    time: new Date().toISOString(),
    level: 'tool' as const,
    text: `line ${n}`,
  }));
  await worker.beat(worker.report(lease?.token ?? '', { log }));
  await worker.finish(lease?.token ?? '', { kind: 'failed', error: anError('the disk is gone') });
  const texts = async (query: string): Promise<string[]> =>
    (await server.get<LogPage>(`/vm-migrations/${id}/log?${query}`)).lines.map(({ text }) => text);
  const all = await texts('limit=1000');
  expect(all.slice(0, 2)).toEqual(['begins on worker logs, attempt 1', 'line 0']);
  expect(all).toContain('failed: Something in Wherry itself went wrong: the disk is gone');
  expect(await texts('limit=3&newest=true')).toEqual(all.slice(-3));
  expect(await texts('limit=3')).toEqual(all.slice(0, 3));
  await work(worker);
});

test('the death of a worker, and its coming back, are told to who looks', async () => {
  await using quick = await mortalServer();
  const worker = fakeWorker(quick.server.app, 'mortal');
  const told: string[] = [];
  await quick.server.db.listen(
    'wherry_change',
    (payload) => told.push(payload),
    () => undefined,
  );
  const isAlive = async (): Promise<boolean | undefined> =>
    (await quick.server.get<{ items: WorkerView[] }>('/workers')).items.find(({ id }) => id === worker.workerId)?.alive;
  const news = JSON.stringify({ kind: 'worker', id: worker.workerId });
  await worker.hello();
  await expect.poll(() => told.includes(news), { timeout: 3_000 }).toBe(true);
  told.length = 0;
  await expect.poll(() => told.includes(news), { timeout: 3_000 }).toBe(true);
  expect(await isAlive()).toBe(false);
  told.length = 0;
  await worker.beat();
  await expect.poll(() => told.includes(news), { timeout: 3_000 }).toBe(true);
});
