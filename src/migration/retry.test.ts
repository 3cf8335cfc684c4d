import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { VmMigrationDetail } from './api.ts';
import { type KeepFacts, keepsCopy } from './keep.ts';
import type { Lease, LedgerRow, Outcome } from './protocol.ts';
import { protocolVersion } from './protocol-version.ts';
import { anError, aSpec, fakeWorker, type FakeWorker, openRow, preflightResult, work } from './testing/fake-worker.ts';
import { startTestServer, type TestServer } from './testing/server.ts';

let server: TestServer;
let worker: FakeWorker;
beforeAll(async () => {
  server = await startTestServer({ leaseMs: 60_000 });
});
afterAll(() => server.close());
beforeEach(async () => {
  worker = fakeWorker(server.app, 'one');
  await worker.hello();
});

const digest = (byte: string): string => byte.repeat(64);
const failed: Outcome = { kind: 'failed', error: anError('no luck') };
const diskRow = (): LedgerRow => ({ ...openRow(), ref: { key: 'disk-1', diskId: 'disk-1', path: '/out/web' } });

async function begin(onFailure?: 'keep' | 'remove'): Promise<string> {
  const spec = { ...aSpec(), options: { ...aSpec().options, ...(onFailure === undefined ? {} : { onFailure }) } };
  const { status, body } = await server.post('/migrations', { vms: [spec] });
  expect(status).toBe(201);
  return (body['vmMigrations'] as { id: string }[])[0]?.id ?? '';
}

/** Runs until `name` fails; a disk is made and copied on the way. */
async function failAt(name: string, more: (lease: Lease) => Promise<void> = async () => undefined): Promise<LedgerRow> {
  const disk = diskRow();
  await work(worker, async (lease): Promise<Outcome | undefined> => {
    if (lease.step.name === 'create-disks') await worker.ledger(lease.token, disk);
    if (lease.step.name === 'copy') {
      await chunks(lease, { identity: 'source 1 → target 1' });
      await worker.beat(worker.report(lease.token, { journal: [{ diskId: 'disk-1', chunk: 0, digest: digest('a') }] }));
    }
    await more(lease);
    if (lease.step.name === name) return failed;
    if (lease.step.name === 'undo' && lease.checkpoint === null) {
      for (const row of lease.ledger) await worker.ledger(lease.token, { ...row, state: 'removed' });
    }
    return undefined;
  });
  return disk;
}

async function chunks(lease: Lease, more: object): Promise<{ chunks: unknown[]; startedOver: string | null }> {
  const { body } = await worker.post('chunks', { token: lease.token, diskId: 'disk-1', ...more });
  return body as { chunks: unknown[]; startedOver: string | null };
}

async function retry(id: string, body: object = {}): Promise<VmMigrationDetail> {
  const answer = await server.post(`/vm-migrations/${id}/retry`, body);
  expect(answer.status).toBe(201);
  const [vm] = answer.body['vmMigrations'] as { id: string }[];
  return server.vm(vm?.id ?? '');
}

/** The checkpoint that the copy begins with. */
async function seenUpTo(stopAt: string): Promise<unknown> {
  let checkpoint: unknown;
  await work(worker, async (lease) => {
    if (lease.step.name === 'preflight') return { kind: 'succeeded', result: { ...preflightResult, inOrder: true } };
    if (lease.step.name === 'copy') ({ checkpoint } = lease);
    return lease.step.name === stopAt ? failed : undefined;
  });
  return checkpoint;
}

const codesOf = async (id: string): Promise<string[]> =>
  (
    await server.db.kysely.selectFrom('event').select('code').where('vm_migration_id', '=', id).orderBy('id').execute()
  ).map(({ code }) => code);

test('what failed is kept when that was wanted, and a retry with other options finds its own disks and chunks', async () => {
  const id = await begin('keep');
  const disk = await failAt('verify');
  const before = await server.vm(id);
  expect(before).toMatchObject({ state: 'failed', kept: true, retryable: true, retriedBy: null });
  expect(before.leftBehind.map((row) => row.id)).toEqual([disk.id]);
  expect(await codesOf(id)).toContain('vm_migration.kept');
  expect(await codesOf(id)).not.toContain('ledger.left_open');

  const again = await retry(id, { options: { conversion: 'never' } });
  expect(again).toMatchObject({ targetCopyId: before.targetCopyId, retryOf: { id }, state: 'queued' });
  expect(again.spec.options).toEqual({ ...before.spec.options, conversion: 'never' });
  expect(await server.vm(id)).toMatchObject({ retriedBy: { id: again.id }, retryable: false, leftBehind: [] });
  let found: unknown;
  let ledger: unknown;
  const ids = new Set<string>();
  await work(worker, async (lease) => {
    ids.add(lease.vmMigration.id);
    if (lease.step.name === 'create-disks') ledger = lease.ledger.map((row) => row.id);
    if (lease.step.name === 'copy') found = await chunks(lease, { identity: 'source 1 → target 1' });
    if (lease.step.name === 'finalize') await worker.ledger(lease.token, { ...disk, state: 'handed_over' });
    return undefined;
  });
  expect([...ids]).toEqual([again.id]);
  expect(ledger).toEqual([disk.id]);
  expect(found).toEqual({ chunks: [{ diskId: 'disk-1', chunk: 0, digest: digest('a') }], startedOver: null });
  expect(await server.vm(again.id)).toMatchObject({ state: 'completed', retryable: false });
  expect((await server.post(`/vm-migrations/${again.id}/retry`)).body['code']).toBe('migration.not_retryable');
});

test('without that everything is removed, and the chunks with it: a retry copies anew', async () => {
  const id = await begin();
  await failAt('verify');
  expect(await server.vm(id)).toMatchObject({ state: 'failed', kept: false, leftBehind: [], retryable: true });
  await retry(id);
  let found: unknown;
  await work(worker, async (lease) => {
    if (lease.step.name === 'copy') found = await chunks(lease, { identity: 'source 1 → target 1' });
    return undefined;
  });
  expect(found).toEqual({ chunks: [], startedOver: null });
});

test.each([
  ['another source', { identity: 'source 2 → target 1' }, /it was source 1 → target 1, now it is source 2/],
  [
    'a journal that is about something else',
    { identity: 'source 1 → target 1', startOver: true, why: 'torn' },
    /^torn$/,
  ],
])('%s makes a retry start over, with an event that says why', async (_name, asked, why) => {
  const id = await begin('keep');
  await failAt('verify');
  const again = await retry(id);
  let found: Awaited<ReturnType<typeof chunks>> | undefined;
  let later: unknown;
  await work(worker, async (lease) => {
    if (lease.step.name === 'copy') {
      found = await chunks(lease, asked);
      later = await chunks(lease, { identity: asked.identity });
    }
    return undefined;
  });
  expect(found).toEqual({ chunks: [], startedOver: expect.stringMatching(why) });
  expect(later).toEqual({ chunks: [], startedOver: null });
  const events = await server.db.kysely
    .selectFrom('event')
    .select(['code', 'params'])
    .where('vm_migration_id', '=', again.id)
    .where('code', '=', 'disk.started_over')
    .execute();
  expect(events).toEqual([
    { code: 'disk.started_over', params: { vm: 'web', disk: 'web-disk1', reason: expect.stringMatching(why) } },
  ]);
});

test('where a conversion was applied goes with the retry’s copy, also when preflight finds another way', async () => {
  const id = await begin('keep');
  const applied = { overlayId: 'x', clusters: { 'disk-1': [[0, 65_536, 1]] } };
  await failAt('create-vm', async (lease) => {
    if (lease.step.name === 'apply') await worker.checkpoint(lease.token, applied);
  });
  const again = await retry(id);
  // It fails before it has put anything back: the next one must know still.
  expect(await seenUpTo('copy')).toEqual({ applied });
  await retry(again.id);
  expect(await seenUpTo('none')).toEqual({ applied });
});

test('what a VM may have run from is never kept, and made anew where removing failed', async () => {
  const id = await begin('keep');
  await failAt('check-boot');
  expect(await server.vm(id)).toMatchObject({ state: 'failed', kept: false, leftBehind: [] });

  const other = await begin('keep');
  await work(
    worker,
    async (lease) => {
      if (lease.step.name === 'create-disks') await worker.ledger(lease.token, diskRow());
      return lease.step.name === 'check-boot' || lease.step.name === 'undo' ? failed : undefined;
    },
    10,
  );
  expect(await server.vm(other)).toMatchObject({ state: 'failed', kept: false, leftBehind: [{}] });
  await retry(other);
  let checkpoint: unknown;
  await work(worker, async (lease) => {
    if (lease.step.name === 'create-disks') ({ checkpoint } = lease);
    return undefined;
  });
  expect(checkpoint).toEqual({ anew: true });
});

test('canceling can keep what was copied; undo removes it later', async () => {
  const id = await begin();
  const disk = diskRow();
  await work(worker, async (lease): Promise<Outcome | undefined> => {
    if (lease.step.name === 'create-disks') await worker.ledger(lease.token, disk);
    if (lease.step.name !== 'copy') return undefined;
    expect((await server.post(`/vm-migrations/${id}/cancel`, { keep: true })).status).toBe(202);
    return { kind: 'canceled' };
  });
  expect(await server.vm(id)).toMatchObject({
    state: 'canceled',
    kept: true,
    retryable: true,
    leftBehind: [{ id: disk.id }],
  });
  const { status } = await server.post(`/vm-migrations/${id}/undo`);
  expect(status).toBe(202);
  expect((await server.post(`/vm-migrations/${id}/retry`)).body['code']).toBe('migration.being_undone');
  await work(worker, async (lease) => {
    for (const row of lease.ledger) await worker.ledger(lease.token, { ...row, state: 'removed' });
    return undefined;
  });
  expect(await server.vm(id)).toMatchObject({ state: 'canceled', kept: false, leftBehind: [] });
});

test('a VM is migrated again once only, not while it runs, and not when it has been handed over', async () => {
  const id = await begin('keep');
  expect((await server.post(`/vm-migrations/${id}/retry`)).body['code']).toBe('migration.not_retryable');
  const disk = await failAt('copy');
  const key = crypto.randomUUID();
  const first = await server.post(`/vm-migrations/${id}/retry`, {}, key);
  expect((await server.post(`/vm-migrations/${id}/retry`, {}, key)).body).toEqual(first.body);
  expect((await server.post(`/vm-migrations/${id}/retry`)).body['code']).toBe('migration.retried');
  await work(
    worker,
    async (lease) => {
      if (lease.step.name === 'finalize') {
        await worker.ledger(lease.token, { ...disk, state: 'handed_over' });
        return failed;
      }
      return undefined;
    },
    10,
  );
  const [vm] = first.body['vmMigrations'] as { id: string }[];
  expect((await server.vm(vm?.id ?? '')).state).toBe('failed');
  expect((await server.post(`/vm-migrations/${vm?.id}/retry`)).body['code']).toBe('migration.retry_handed_over');
});

test('what may be in use, because handing it over failed half way, is never taken for a retry', async () => {
  const id = await begin('keep');
  const disk = diskRow();
  await work(
    worker,
    async (lease) => {
      if (lease.step.name === 'create-disks') await worker.ledger(lease.token, disk);
      return lease.step.name === 'finalize' ? failed : undefined; // no row says that anything was handed over
    },
    10,
  );
  expect(await server.vm(id)).toMatchObject({ state: 'failed', retryable: false, leftBehind: [{ id: disk.id }] });
  expect((await server.post(`/vm-migrations/${id}/retry`)).body['code']).toBe('migration.retry_handed_over');
});

test('what was voided stays so when clocks of servers differ: attempts are in the order of their beginning', async () => {
  // A server whose clock is an hour ahead gave the attempt that told of the chunk.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
  const id = await begin('keep');
  await failAt('verify').finally(() => vi.useRealTimers());
  await retry(id);
  const found: unknown[] = [];
  await work(worker, async (lease) => {
    if (lease.step.name !== 'copy') return undefined;
    found.push(await chunks(lease, { identity: 'source 2 → target 1' }));
    found.push(await chunks(lease, { identity: 'source 2 → target 1' }));
    return undefined;
  });
  expect(found).toEqual([
    { chunks: [], startedOver: expect.stringMatching(/source 2/) },
    { chunks: [], startedOver: null },
  ]);
});

test('a retry goes to the worker that has what is left, as long as it lives', async () => {
  const id = await begin('keep');
  await failAt('verify');
  const other = fakeWorker(server.app, 'other');
  await other.hello();
  await retry(id);
  expect(await other.lease(100)).toBeNull();
  expect((await worker.lease(1_000))?.step.name).toBe('preflight');
  await server.post(`/vm-migrations/${(await server.vm(id)).retriedBy?.id}/cancel`);
});

test('a worker’s directory is wanted as long as its target copy has something open', async () => {
  const id = await begin('keep');
  await failAt('verify');
  const { targetCopyId } = await server.vm(id);
  const unknown = crypto.randomUUID();
  const { body } = await worker.post('hello', {
    workerId: worker.workerId,
    bootId: worker.bootId,
    name: 'one',
    host: 'one',
    user: 'test',
    version: '1',
    protocol: protocolVersion,
    directories: [targetCopyId, unknown],
  });
  expect(body['unwanted']).toEqual([unknown]);
});

const steps: KeepFacts['steps'] = [{ name: 'power-on', state: 'undone', attempts: 0 }];
const ran: KeepFacts['steps'] = [{ name: 'power-on', state: 'succeeded', attempts: 1 }];
test.each<[KeepFacts, boolean]>([
  [{ onFailure: 'keep', failed: true, cancelKeeps: false, steps }, true],
  [{ onFailure: 'remove', failed: true, cancelKeeps: true, steps }, false],
  [{ onFailure: 'keep', failed: false, cancelKeeps: false, steps }, false],
  [{ onFailure: 'remove', failed: false, cancelKeeps: true, steps }, true],
  [{ onFailure: 'keep', failed: true, cancelKeeps: true, steps: ran }, false],
  [{ onFailure: 'keep', failed: true, cancelKeeps: true, steps: [{ ...ran[0]!, state: 'skipped' }] }, true],
])('%o is kept: %s', (facts, expected) => {
  expect(keepsCopy(facts)).toBe(expected);
});
