import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { newId } from '../model/ids.ts';
import type { Lease } from './protocol.ts';
import { anError, fakeWorker, type FakeWorker, openRow, resultOf, work } from './testing/fake-worker.ts';
import { startTestServer, type TestServer } from './testing/server.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Where a test waits for leases to run out; elsewhere they are longer than any busy machine stalls. */
const leaseMs = 2_000;
let server: TestServer;
let worker: FakeWorker;
beforeEach(async () => {
  await start(60_000);
});
afterEach(() => server.close());

async function start(lease: number): Promise<void> {
  server = await startTestServer({ leaseMs: lease });
  worker = fakeWorker(server.app, 'one');
  await worker.hello();
}

/** Instead of the server that stands, one whose leases run out. */
async function impatient(): Promise<void> {
  await server.close();
  await start(leaseMs);
}

async function first(from: FakeWorker = worker): Promise<Lease> {
  // Short polls: a worker that says nothing for a whole lease is dead, whatever it asked before.
  for (const until = Date.now() + 30_000; Date.now() < until; ) {
    const lease = await from.lease(100);
    if (lease !== null) return lease;
  }
  throw new Error('no lease came');
}

test('a lease request that is sent again gets the same attempt, not a second one', async () => {
  const made = await server.create(2);
  const requestId = newId();
  const [a, b] = await Promise.all([worker.lease(1_000, requestId), worker.lease(1_000, requestId)]);
  const c = await worker.lease(0, requestId);
  expect(a?.token).toBeDefined();
  expect(b).toEqual(a);
  expect(c).toEqual(a);
  const vms = (await server.migration(made.id)).vmMigrations;
  expect(vms.map(({ state }) => state)).toEqual(['running', 'queued']);
  expect((await worker.lease())?.token).not.toBe(a?.token); // the control: another request gets another step
});

test('a worker that waits gets a step as soon as there is one', async () => {
  const waiting = worker.lease(10_000);
  await sleep(100);
  const before = performance.now();
  await server.create();
  expect((await waiting)?.step.name).toBe('preflight');
  expect(performance.now() - before).toBeLessThan(5_000);
});

test('an attempt lives as long as its heartbeats come, and is given again once they stay away', async () => {
  await impatient();
  const made = await server.create();
  const lease = await first();
  await worker.checkpoint(lease.token, { at: 15 });
  for (let beat = 0; beat < 12; beat += 1) {
    await sleep(leaseMs / 8);
    expect(await worker.beat(worker.report(lease.token))).toEqual(['ok']);
  }
  const again = await first();
  expect(again.attempt).toBe(2);
  expect(again.checkpoint).toEqual({ at: 15 });
  expect(again.token).not.toBe(lease.token);
  const { attempts } = await server.vm(made.vmMigrations[0]?.id ?? '');
  expect(attempts.map(({ outcome }) => outcome)).toEqual(['lost', null]);
  expect(attempts[0]?.error).toMatchObject({ code: 'migration.lease_expired' });
});

test('polls alone do not keep an attempt alive', async () => {
  await impatient();
  await server.create();
  const lease = await first();
  const again = await first(); // polls all the time until the first one is lost
  expect(again.step).toEqual(lease.step);
});

test('a write with an old token is refused and changes nothing', async () => {
  await impatient();
  const made = await server.create();
  const old = await first();
  await worker.checkpoint(old.token, { at: 1 });
  const now = await first();
  const row = openRow();
  for (const reply of [
    await worker.ledger(old.token, row),
    await worker.checkpoint(old.token, { at: 99 }),
    await worker.finish(old.token, { kind: 'succeeded', result: resultOf('preflight') }),
    await worker.post('chunks', { token: old.token, diskId: 'disk-1' }),
  ]) {
    expect(reply.status).toBe(410);
    expect(reply.body['code']).toBe('migration.stale_attempt');
  }
  const journal = [{ diskId: 'disk-1', chunk: 0, digest: 'a'.repeat(64) }];
  expect(await worker.beat(worker.report(old.token, { journal }))).toEqual(['stale']);
  const vm = await server.vm(made.vmMigrations[0]?.id ?? '');
  expect(vm).toMatchObject({ ledger: [], chunks: [], state: 'running' });
  expect((await worker.ledger(now.token, row)).status).toBe(200); // the control
  expect((await server.vm(vm.id)).ledger.length).toBe(1);
});

test('a finish that is sent again is answered the same and happens once', async () => {
  const made = await server.create();
  const { token } = await first();
  const outcome = { kind: 'succeeded', result: resultOf('preflight') } as const;
  const one = await worker.finish(token, outcome);
  const two = await worker.finish(token, outcome);
  const other = await worker.finish(token, { kind: 'failed', error: anError('no') });
  expect(one.status).toBe(200);
  expect(two).toEqual(one);
  expect(other).toEqual(one);
  const vm = await server.vm(made.vmMigrations[0]?.id ?? '');
  expect(vm.attempts.length).toBe(1);
  expect(vm.error).toBeNull();
  expect(vm.steps.find(({ name }) => name === 'create-disks')?.state).toBe('ready');
});

test('a heartbeat brings progress, chunks and log lines, each once however often it is sent', async () => {
  const made = await server.create();
  const { token } = await first();
  const report = worker.report(token, {
    progress: {
      phase: 'reading',
      fraction: 0.5,
      disks: [
        {
          diskId: 'disk-1',
          bytesDone: 64,
          bytesTotal: 128,
          bytesMoved: 60,
          bytesPerSecond: 8,
          etaSeconds: 8,
          waited: { source: 0.7, target: 0.1, cpu: 0.2, limiter: 0 },
        },
      ],
    },
    journal: [
      { diskId: 'disk-1', chunk: 0, digest: 'a1'.repeat(32) },
      { diskId: 'disk-1', chunk: 1, digest: 'b2'.repeat(32) },
    ],
    log: [{ time: '2026-01-01T00:00:00.000Z', level: 'tool', text: 'half\0way' }],
  });
  await worker.beat(report);
  await worker.beat(report);
  const id = made.vmMigrations[0]?.id ?? '';
  const vm = await server.vm(id);
  expect(vm.chunks).toEqual([{ diskId: 'disk-1', count: 2 }]);
  expect(vm.steps[0]).toMatchObject({ phase: 'reading', fraction: 0.5 });
  const log = await server.get<{ lines: { text: string }[] }>(`/vm-migrations/${id}/log`);
  expect(log.lines.map(({ text }) => text)).toEqual([
    'begins on worker one, attempt 1',
    expect.stringMatching(/^half.?way$/),
  ]);
  const chunks = await worker.post('chunks', { token, diskId: 'disk-1' });
  expect(chunks.body['chunks']).toEqual(report.journal);
  const over = await worker.post('chunks', { token, diskId: 'disk-1', startOver: true });
  expect(over.body['chunks']).toEqual(report.journal); // its own are not void, only those of earlier attempts
});

test('what earlier attempts journaled is void once a disk is begun anew', async () => {
  await impatient();
  const made = await server.create();
  const journal = [{ diskId: 'disk-1', chunk: 3, digest: 'cd'.repeat(32) }];
  const one = await first();
  await worker.beat(worker.report(one.token, { journal }));
  const two = await first();
  const known = await worker.post('chunks', { token: two.token, diskId: 'disk-1' });
  expect(known.body['chunks']).toEqual(journal);
  const over = await worker.post('chunks', { token: two.token, diskId: 'disk-1', startOver: true });
  expect(over.body['chunks']).toEqual([]);
  expect((await server.vm(made.vmMigrations[0]?.id ?? '')).chunks).toEqual([]);
});

test('after a start of the server every running attempt gets one more period', async () => {
  await impatient();
  await server.create();
  const lease = await first();
  await server.engine.stop();
  await sleep(leaseMs * 1.5); // nobody could beat: the server was away
  const second = await startTestServer({ leaseMs }, server.test);
  try {
    const back = fakeWorker(second.app, 'one', worker);
    await sleep(leaseMs / 2);
    expect(await worker.beat(worker.report(lease.token))).toEqual(['ok']);
    await sleep(leaseMs * 2); // and then expiry is as ever
    expect(await back.beat(back.report(lease.token))).toEqual(['stale']);
  } finally {
    await second.close();
  }
});

test('a worker that was started anew gets its steps again at once, from their checkpoints', async () => {
  const slow = await startTestServer({ leaseMs: 60_000 });
  try {
    const old = fakeWorker(slow.app, 'one');
    await old.hello();
    const made = await slow.create();
    const lease = await first(old);
    await old.checkpoint(lease.token, { at: 7 });
    const next = fakeWorker(slow.app, 'one', old);
    await next.hello();
    const again = await first(next);
    expect(again).toMatchObject({ step: lease.step, attempt: 2, checkpoint: { at: 7 } });
    expect((await old.post('lease', { ...old, requestId: newId(), load: 0, waitMs: 0 })).body['code']).toBe(
      'migration.worker_replaced',
    );
    expect(await old.beat(old.report(lease.token))).toEqual(['stale']);
    const vm = await slow.vm(made.vmMigrations[0]?.id ?? '');
    expect(vm.attempts[0]).toMatchObject({ outcome: 'lost', error: { code: 'migration.worker_restarted' } });
  } finally {
    await slow.close();
  }
});

test('all steps of a VM stay on one worker while it lives, and go to another one when it does not', async () => {
  await impatient();
  const other = fakeWorker(server.app, 'two');
  await other.hello();
  await server.create();
  const preflight = await first();
  await worker.finish(preflight.token, { kind: 'succeeded', result: resultOf('preflight') });
  expect(await other.lease()).toBeNull();
  const taken = await first(other); // the other one says nothing any more
  expect(taken.step.name).toBe('create-disks');
});

test('a step that is lost again and again without any advance is given up, and says why', async () => {
  const made = await server.create();
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    const lease = await first();
    expect(lease).toMatchObject({ attempt, step: { name: 'preflight' } });
    await worker.finish(lease.token, { kind: 'lost', error: anError('the child was killed') });
  }
  await work(worker);
  const vm = await server.vm(made.vmMigrations[0]?.id ?? '');
  expect(vm).toMatchObject({ state: 'failed', error: { code: 'migration.step_lost' } });
  expect(vm.error?.causes).toContain('the child was killed');
});

test('a step that advances between losses is never given up', async () => {
  await server.create();
  for (let attempt = 1; attempt <= 12; attempt += 1) {
    const lease = await first();
    expect(lease.attempt).toBe(attempt);
    await worker.checkpoint(lease.token, { attempt });
    await worker.finish(lease.token, { kind: 'lost', error: anError('killed') });
  }
});

test('a question of the API reaches a worker and its answer comes back', async () => {
  const asked = server.post('/sources/list', { source: { type: 'ova', path: '/tmp/web.ova' } });
  let commands = await worker.commands();
  if (commands.calls.length === 0) commands = await worker.commands(commands.version, 5_000);
  const [call] = commands.calls;
  expect(call).toMatchObject({ method: 'listVms', params: { source: { path: '/tmp/web.ova' } } });
  const vms = [{ id: 'a', name: 'web', cpus: 1, memoryBytes: 1, diskCount: 1 }];
  await worker.post('answer', { callId: call?.id, result: vms, error: null });
  expect(await asked).toMatchObject({ status: 200, body: { vms } });
  expect((await worker.commands()).calls).toEqual([]);
});
