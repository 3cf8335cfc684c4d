import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../model/ids.ts';
import { aVm, fakeWorker, preflightResult, work } from './testing/fake-worker.ts';
import { startTestServer, type TestServer } from './testing/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

test('a migration runs step by step, in the order of its itinerary, to its end', async () => {
  const worker = fakeWorker(server.app, 'one');
  await worker.hello();
  const made = await server.create();
  expect(made.state).toBe('queued');
  expect(made.vmMigrations[0]?.state).toBe('queued');

  const done = await work(worker, ({ step }) =>
    step.name === 'check-manifest' ? { kind: 'succeeded', result: { skipped: true } } : undefined,
  );
  expect(done).toEqual([
    'preflight',
    'create-disks',
    'copy',
    'convert',
    'check-manifest',
    'verify',
    'apply',
    'create-vm',
    'power-on',
    'check-boot',
    'finalize',
    'clean-up',
  ]);
  const ended = await server.migration(made.id);
  expect(ended.state).toBe('succeeded');
  expect(ended.counts).toMatchObject({ total: 1, completed: 1 });
  const [vm] = ended.vmMigrations;
  expect(vm).toMatchObject({ state: 'completed', vmName: 'web', targetName: 'web', fraction: 1, error: null });
  expect(vm?.vm).toEqual(aVm);
  expect(vm?.steps.find(({ name }) => name === 'check-manifest')?.state).toBe('skipped');
  expect(vm?.steps.find(({ name }) => name === 'copy')).toMatchObject({ state: 'succeeded', attempts: 1 });
});

test('a source that can only be read in order is copied and verified before it is converted, once preflight has told', async () => {
  const worker = fakeWorker(server.app, 'in-order');
  await worker.hello();
  const made = await server.create();
  const id = made.vmMigrations[0]?.id ?? '';
  const itinerary = async (): Promise<string> => (await server.vm(id)).itinerary.name;
  expect(await itinerary()).toBe('cold');
  const done = await work(worker, ({ step }) =>
    step.name === 'preflight' ? { kind: 'succeeded', result: { ...preflightResult, inOrder: true } } : undefined,
  );
  expect(await itinerary()).toBe('cold-in-order');
  expect(done.filter((name) => name !== 'check-manifest').slice(0, 6)).toEqual([
    'preflight',
    'create-disks',
    'copy',
    'verify',
    'convert',
    'apply',
  ]);
  expect(new Set(done).size).toBe(12);
  expect((await server.migration(made.id)).vmMigrations[0]?.state).toBe('completed');
});

test('a migration that is canceled during preflight stays canceled, however its source can be read', async () => {
  const worker = fakeWorker(server.app, 'in-order-canceled');
  await worker.hello();
  const made = await server.create();
  const id = made.vmMigrations[0]?.id ?? '';
  const done = await work(worker, async ({ step }) => {
    if (step.name !== 'preflight') return undefined;
    await server.post(`/vm-migrations/${id}/cancel`);
    return { kind: 'succeeded', result: { ...preflightResult, inOrder: true } };
  });
  expect(done).toEqual(['preflight', 'undo']);
  expect((await server.migration(made.id)).vmMigrations[0]?.state).toBe('canceled');
});

test('a step gets the results of the steps before it, and what preflight found', async () => {
  const worker = fakeWorker(server.app, 'two');
  await worker.hello();
  await server.create();
  const seen: Record<string, unknown> = {};
  await work(worker, (lease) => {
    seen[lease.step.name] = { results: lease.vmMigration.results, vm: lease.vmMigration.vm };
    return undefined;
  });
  expect(seen['preflight']).toEqual({ results: {}, vm: null });
  expect(seen['create-disks']).toEqual({ results: { preflight: preflightResult }, vm: aVm });
});

test('a create request that is sent twice makes one migration', async () => {
  const key = newId();
  const { body: list } = { body: await server.get<{ items: unknown[] }>('/migrations?limit=200') };
  const vms = [{ ...(await server.create()).vmMigrations[0]?.spec }];
  const first = await server.post('/migrations', { vms }, key);
  const second = await server.post('/migrations', { vms }, key);
  expect(first.status).toBe(201);
  expect(second).toEqual(first);
  const after = await server.get<{ items: unknown[] }>('/migrations?limit=200');
  expect(after.items.length).toBe(list.items.length + 2);
});
