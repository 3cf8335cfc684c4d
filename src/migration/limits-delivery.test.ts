/** Limits through the API to workers, and what the API shows of them. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LimitView, MigrationView, WorkerView } from './api.ts';
import { type FakeWorker, fakeWorker, aVm } from './testing/fake-worker.ts';
import { startTestServer, type TestServer } from './testing/server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const put = async (limits: readonly object[]): Promise<{ status: number; items: LimitView[] }> => {
  const answer = await server.app.inject({ method: 'PUT', url: '/api/v1/limits', payload: { limits } });
  return { status: answer.statusCode, items: answer.json<{ items: LimitView[] }>().items };
};
const rates = async (worker: FakeWorker, known = '', waitMs = 0): Promise<Record<string, number>> =>
  Object.fromEntries((await worker.commands(known, waitMs)).limits.map((one) => [one.key, one.bytesPerSecond]));

/** Begun, and leased up to its copy. */
async function copying(worker: FakeWorker) {
  const { id } = await server.create();
  for (;;) {
    const lease = await worker.lease(2_000);
    if (lease === null) throw new Error('there is nothing to do');
    if (lease.step.name === 'copy') return { id, lease };
    if (!['preflight', 'create-disks'].includes(lease.step.name)) continue;
    const facts = { vm: aVm, targetName: 'x', concerns: [], conversion: false, inOrder: false, identity: {} };
    await worker.finish(lease.token, {
      kind: 'succeeded',
      result: lease.step.name === 'preflight' ? facts : { disks: [] },
    });
  }
}

test('a worker that waits for commands hears of a limit at once, and what its copies are under comes with the lease', async () => {
  const worker = fakeWorker(server.app, 'one');
  await worker.hello();
  const { id, lease } = await copying(worker);
  expect(lease.limitKeys).toEqual([`migration:${id}`, `worker:${worker.workerId}`, 'host:one']);
  const { version, limits } = await worker.commands();
  expect(limits).toEqual([]);
  const waiting = worker.commands(version, 10_000);
  const set = await put([
    { scope: 'migration', id, bytesPerSecond: 1_000_000 },
    { scope: 'worker', id: worker.workerId, bytesPerSecond: 2_000_000 },
    { scope: 'host', id: 'ONE', bytesPerSecond: 3_000_000 },
  ]);
  expect(set.status).toBe(200);
  expect((await waiting).limits).toEqual([
    { key: 'host:one', bytesPerSecond: 3_000_000 },
    { key: `migration:${id}`, bytesPerSecond: 1_000_000 },
    { key: `worker:${worker.workerId}`, bytesPerSecond: 2_000_000 },
  ]);
  expect(set.items.map(({ scope, name }) => `${scope} ${name}`)).toEqual([
    'host one',
    expect.any(String),
    'worker one',
  ]);

  const view = await server.migration(id);
  expect(view.limits.map(({ scope }) => scope)).toEqual(['host', 'migration', 'worker']);
  const { items } = await server.get<{ items: WorkerView[] }>('/workers');
  expect(items[0]?.limits.map(({ scope }) => scope)).toEqual(['host', 'worker']);

  await put([{ scope: 'migration', id, bytesPerSecond: null }]);
  expect(Object.keys(await rates(worker))).toEqual(['host:one', `worker:${worker.workerId}`]);
  const other = fakeWorker(server.app, 'other');
  await other.hello();
  expect(Object.keys(await rates(other))).toEqual(['host:one']);
});

test('a limit over copies on two workers is shared out: all of it, and by what each can use', async () => {
  const [slow, fast] = [fakeWorker(server.app, 'host'), fakeWorker(server.app, 'host')];
  await slow.hello();
  const first = await copying(slow);
  await fast.hello();
  await copying(fast);
  await put([{ scope: 'host', id: 'host', bytesPerSecond: 100e6 }]);
  const both = async (): Promise<number[]> => [
    (await rates(slow))['host:host'] ?? 0,
    (await rates(fast))['host:host'] ?? 0,
  ];
  expect(await both()).toEqual([50e6, 50e6]);
  const disk = { diskId: 'd', bytesDone: 1, bytesTotal: 9, bytesMoved: 1, bytesPerSecond: 10e6, etaSeconds: null };
  const waited = { source: 0.9, target: 0.1, cpu: 0, limiter: 0 };
  const progress = { phase: '', fraction: null, disks: [{ ...disk, waited }] };
  expect(await slow.beat(slow.report(first.lease.token, { progress }))).toEqual(['ok']);
  const [little = 0, rest = 0] = await both();
  expect(little).toBeGreaterThan(12e6);
  expect(little).toBeLessThan(20e6);
  expect(little + rest).toBeGreaterThan(97e6);
  expect(little + rest).toBeLessThanOrEqual(100e6);
});

test('what there is not cannot be limited, nor so low that blocks take seconds; nothing is set then', async () => {
  const unknown = '019aa8a2-0000-7000-8000-000000000000';
  for (const scope of ['migration', 'worker', 'provider']) {
    expect(
      (
        await put([
          { scope: 'host', id: 'h', bytesPerSecond: 1e6 },
          { scope, id: unknown, bytesPerSecond: 1e6 },
        ])
      ).status,
    ).toBe(404);
    expect((await put([{ scope, id: 'no id', bytesPerSecond: 1e6 }])).status).toBe(404);
  }
  expect((await put([{ scope: 'host', id: 'h', bytesPerSecond: 1_000 }])).status).toBe(400);
  expect((await put([{ scope: 'moon', id: 'h', bytesPerSecond: 1e6 }])).status).toBe(400);
  expect((await server.get<{ items: LimitView[] }>('/limits')).items).toEqual([]);
});

test('the rate over time is kept beside the progress, and after the end; another attempt has a line of its own', async () => {
  const worker = fakeWorker(server.app, 'one');
  await worker.hello();
  const { id, lease } = await copying(worker);
  const disk = {
    diskId: 'd1',
    bytesDone: 5,
    bytesTotal: 9,
    bytesMoved: 5,
    bytesPerSecond: 1,
    etaSeconds: null,
    waited: { source: 0.71, target: 0.2, cpu: 0.09, limiter: 0 },
  };
  const told = (samples: [number, number][]) => ({
    progress: { phase: '', fraction: null, disks: [{ ...disk, samples }] },
  });
  await worker.beat(worker.report(lease.token, told([[0.5, 100]])));
  await worker.beat(
    worker.report(
      lease.token,
      told([
        [0.5, 100],
        [1, 200],
      ]),
    ),
  );
  const view: MigrationView = await server.migration(id);
  const [vm] = view.vmMigrations;
  expect(JSON.stringify(view)).not.toContain('samples');
  const read = () => server.get(`/vm-migrations/${vm?.id}/rates`);
  const copies = [
    {
      beganAt: expect.any(String),
      samples: [
        [0.5, 100],
        [1, 200],
      ],
      waited: disk.waited,
    },
  ];
  expect(await read()).toEqual({ disks: [{ diskId: 'd1', copies }] });
  await worker.finish(
    lease.token,
    { kind: 'lost', error: { code: 'internal', params: {}, causes: [] } },
    told([
      [0.5, 100],
      [1, 300],
    ]),
  );
  const again = await worker.lease(2_000);
  await worker.beat(worker.report(again?.token ?? '', told([[2, 50]])));
  expect(await read()).toMatchObject({
    disks: [
      {
        diskId: 'd1',
        copies: [
          {
            samples: [
              [0.5, 100],
              [1, 300],
            ],
          },
          { samples: [[2, 50]] },
        ],
      },
    ],
  });
});
