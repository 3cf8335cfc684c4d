import { afterAll, beforeAll, expect, test } from 'vitest';
import { anError, fakeWorker, work } from '../migration/testing/fake-worker.ts';
import { startTestServer, type TestServer } from '../migration/testing/server.ts';
import { migrationMetrics } from './metrics-store.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ leaseMs: 60_000 });
});
afterAll(() => server.close());

test('metrics count migrations, ends, bytes, how long steps took and how long VMs waited', async () => {
  const worker = fakeWorker(server.app, 'metered');
  await worker.hello();
  await server.create();
  const disk = { diskId: 'disk-1', bytesDone: 5, bytesTotal: 9, bytesPerSecond: 1, etaSeconds: null, waited: null };
  await work(worker, async (lease) => {
    if (lease.step.name !== 'copy') return undefined;
    for (const bytesMoved of [4_000, 3_000]) {
      const progress = { phase: '', fraction: null, disks: [{ ...disk, bytesMoved }] };
      await worker.beat(worker.report(lease.token, { progress }));
    }
    return undefined;
  });
  await server.create();
  await work(worker, ({ step }) => (step.name === 'preflight' ? { kind: 'failed', error: anError('no') } : undefined));
  await server.create();
  const text = await migrationMetrics(server.db);
  const lines = text.split('\n');
  for (const line of [
    'wherry_migrations{state="succeeded"} 1',
    'wherry_migrations{state="failed"} 1',
    'wherry_migrations{state="queued"} 1',
    'wherry_vm_migrations{state="queued"} 1',
    'wherry_vm_migrations_ended_total{outcome="completed"} 1',
    'wherry_vm_migrations_ended_total{outcome="failed"} 1',
    'wherry_copied_bytes_total 4000',
    'wherry_step_seconds_bucket{step="copy",outcome="succeeded",le="+Inf"} 1',
    'wherry_step_seconds_count{step="preflight",outcome="failed"} 1',
    'wherry_queue_seconds_count 2',
  ])
    expect(lines).toContain(line);
  for (const line of lines)
    expect(line).toMatch(/^$|^# (HELP|TYPE) wherry_|^wherry_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [\d.e+-]+$/);
  expect(text).toMatch(/wherry_queue_seconds_sum 0?\.?\d/);
});

test('a list of many migrations asks the database no more often than one of a few', async () => {
  const quiet = await startTestServer({ tickMs: 600_000 }); // its clock asks, too
  try {
    const count = async (limit: number): Promise<number> => {
      let queries = 0;
      const counted = (): void => void (queries += 1);
      quiet.db.pool.on('acquire', counted);
      await quiet.get(`/migrations?limit=${limit}`);
      quiet.db.pool.off('acquire', counted);
      return queries;
    };
    for (let made = 0; made < 12; made += 1) await quiet.create();
    const few = await count(1);
    expect(few).toBeGreaterThan(2);
    expect(await count(12)).toBe(few);
  } finally {
    await quiet.close();
  }
});
