import { afterEach, expect, test } from 'vitest';
import type { StoredError } from '../model/errors.ts';
import { anError, fakeWorker, resultOf, work } from './testing/fake-worker.ts';
import { startTestServer, type TestServer } from './testing/server.ts';

const servers: TestServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0).toReversed()) await server.close();
});

async function start(...options: Parameters<typeof startTestServer>): Promise<TestServer> {
  const server = await startTestServer(...options);
  servers.push(server);
  return server;
}
const lacking = (what: string): StoredError => ({
  code: 'migration.protocol',
  params: { worker: what, theirs: 1, ours: 2 },
  causes: [what],
});

test('limits hold exactly while many workers on two servers claim at once', async () => {
  const limits = { leaseMs: 60_000, maxPerWorker: 4, maxPerServer: 10 };
  const one = await start(limits);
  const two = await start(limits, one.test);
  await one.create(30);
  const workers = Array.from({ length: 4 }, (_, index) => fakeWorker((index % 2 === 0 ? one : two).app, `w${index}`));
  for (const worker of workers) await worker.hello();
  const asked = await Promise.all(workers.flatMap((worker) => Array.from({ length: 8 }, () => worker.lease(300))));
  const leases = asked.flatMap((lease) => (lease === null ? [] : [lease]));
  expect(leases.length).toBe(10);
  expect(new Set(leases.map(({ step }) => step.id)).size).toBe(10);
  const perWorker = await one.db.kysely
    .selectFrom('vm_migration')
    .select(['worker_id', ({ fn }) => fn.countAll<number>().as('count')])
    .where('state', '=', 'running')
    .groupBy('worker_id')
    .execute();
  for (const { count } of perWorker) expect(count).toBeLessThanOrEqual(4);
});

test('a slot is held between steps too, and given on when a VM ends', async () => {
  const server = await start({ maxPerWorker: 1 });
  const worker = fakeWorker(server.app, 'one');
  await worker.hello();
  const made = await server.create(2);
  const order: string[] = [];
  await work(worker, (lease) => {
    order.push(lease.vmMigration.id);
    return undefined;
  });
  const [a, b] = made.vmMigrations.map(({ id }) => id);
  expect(order).toEqual([...Array.from({ length: 12 }, () => a), ...Array.from({ length: 12 }, () => b)]);
});

test('what a VM waits for is said in words', async () => {
  const server = await start({ maxPerWorker: 1, leaseMs: 60_000 });
  const made = await server.create(2);
  const waits = async () => (await server.migration(made.id)).vmMigrations.map(({ waitReason }) => waitReason?.text);
  await expect.poll(waits).toEqual(Array.from({ length: 2 }, () => 'Waits for a worker: none is alive'));
  const worker = fakeWorker(server.app, 'one');
  await worker.hello();
  await worker.lease();
  await expect.poll(waits).toEqual([undefined, 'Waits for its turn: each worker runs at most 1 VMs at once']);
});

test('the less loaded of two workers that ask gets the step', async () => {
  const server = await start({ patienceMs: 5_000, leaseMs: 60_000 });
  const [busy, idle] = [fakeWorker(server.app, 'busy'), fakeWorker(server.app, 'idle')];
  await busy.hello();
  await server.create();
  expect(await busy.lease()).not.toBeNull();
  await idle.hello();
  const asked = [busy.lease(1_500), idle.lease(1_500)] as const;
  await server.create();
  const [one, two] = await Promise.all(asked);
  expect(one).toBeNull();
  expect(two?.step.name).toBe('preflight');
  // The control: when the idle one does not ask, the busy one gets the next at once.
  await server.create();
  expect(await busy.lease(500)).not.toBeNull();
});

test('on one machine, a VM that its only worker declines fails with the words of that worker', async () => {
  const server = await start();
  const worker = fakeWorker(server.app, 'only');
  await worker.hello();
  const made = await server.create();
  await work(worker, () => ({ kind: 'declined', error: lacking('no libvirt') }));
  const ended = await server.migration(made.id);
  expect(ended.state).toBe('failed');
  expect(ended.errors[0]?.error).toMatchObject({ code: 'migration.protocol', causes: ['no libvirt'] });
});

test('a VM that one worker declines goes to another; declined by all, it fails with the reasons of each', async () => {
  const server = await start();
  const [one, two] = [fakeWorker(server.app, 'one'), fakeWorker(server.app, 'two')];
  await one.hello();
  await two.hello();
  const made = await server.create();
  expect(await work(one, () => ({ kind: 'declined', error: lacking('aaa') }))).toEqual(['preflight']);
  expect((await server.migration(made.id)).vmMigrations[0]?.state).toBe('running');
  expect(await work(two, () => ({ kind: 'declined', error: lacking('bbb') }))).toEqual(['preflight']);
  const [vm] = (await server.migration(made.id)).vmMigrations;
  expect(vm).toMatchObject({ state: 'failed', error: { code: 'migration.no_eligible_worker' } });
  expect(vm?.error?.message).toMatch(/one: .*aaa.*; two: .*bbb/);
});

test('when the worker that was left dies, a VM that the others declined fails instead of waiting for ever', async () => {
  const server = await start({ leaseMs: 400 });
  const [one, two] = [fakeWorker(server.app, 'one'), fakeWorker(server.app, 'two')];
  await two.hello();
  await one.hello();
  const made = await server.create();
  await work(one, () => ({ kind: 'declined', error: lacking('aaa') }), 1);
  const stays = async () => {
    await one.lease();
    return (await server.migration(made.id)).state;
  };
  await expect.poll(stays, { timeout: 10_000 }).toBe('failed');
});

test('what a worker declined is asked of it again when it was started anew', async () => {
  const server = await start();
  const [one, two] = [fakeWorker(server.app, 'one'), fakeWorker(server.app, 'two')];
  await one.hello();
  await two.hello();
  await server.create();
  await work(one, () => ({ kind: 'declined', error: lacking('aaa') }), 1);
  expect(await one.lease()).toBeNull();
  const mended = fakeWorker(server.app, 'one', one);
  await mended.hello();
  expect((await mended.lease(5_000))?.step.name).toBe('preflight');
});

test('a failed preflight keeps its error and undoes what it began', async () => {
  const server = await start();
  const worker = fakeWorker(server.app, 'one');
  await worker.hello();
  const made = await server.create();
  const done = await work(worker, ({ step }) =>
    step.name === 'preflight'
      ? { kind: 'failed', error: anError('trun\0cated') }
      : { kind: 'succeeded', result: resultOf(step.name) },
  );
  expect(done).toEqual(['preflight', 'undo']);
  expect((await server.migration(made.id)).errors[0]?.error.causes[0]).toMatch(/^trun.?cated$/);
});

test('a result of preflight that is not one fails the VM, and says so', async () => {
  const server = await start();
  const worker = fakeWorker(server.app, 'one');
  await worker.hello();
  const made = await server.create();
  await work(worker, ({ step }) => (step.name === 'preflight' ? { kind: 'succeeded', result: { vm: 1 } } : undefined));
  expect((await server.migration(made.id)).errors[0]?.error.code).toBe('migration.bad_result');
});
