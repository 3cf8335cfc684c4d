import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrationMetrics } from '../http/metrics-store.ts';
import type { VmMigrationDetail } from './api.ts';
import type { Lease, LedgerRow, Outcome } from './protocol.ts';
import { anError, fakeWorker, type FakeWorker, openRow, resultOf, work } from './testing/fake-worker.ts';
import { startTestServer, type TestServer } from './testing/server.ts';

let server: TestServer;
let worker: FakeWorker;
beforeAll(async () => {
  server = await startTestServer({ leaseMs: 60_000 });
  worker = fakeWorker(server.app, 'one');
  await worker.hello();
});
afterAll(() => server.close());

const succeeded = (step: string): Outcome => ({ kind: 'succeeded', result: resultOf(step) });

/** Runs one VM up to, not including, the steps named; leases those and gives them back running. */
async function upTo(...names: string[]): Promise<{ id: string; leases: Lease[] }> {
  const made = await server.create();
  const id = made.vmMigrations[0]?.id ?? '';
  const leases: Lease[] = [];
  while (leases.length < names.length) {
    const lease = await worker.lease(5_000);
    if (lease === null) throw new Error(`${names.join(', ')} never came`);
    if (names.includes(lease.step.name)) leases.push(lease);
    else await worker.finish(lease.token, succeeded(lease.step.name));
  }
  return { id, leases };
}

const busy = (): Outcome => ({ kind: 'failed', error: anError('busy') });

async function undoAll(lease: Lease): Promise<undefined> {
  if (lease.step.name !== 'undo') return undefined;
  for (const row of lease.ledger.toReversed()) await worker.ledger(lease.token, { ...row, state: 'removed' });
  return undefined;
}
const statesOf = (vm: VmMigrationDetail): Record<string, string> =>
  Object.fromEntries(vm.steps.map(({ name, state }) => [name, state]));

/** A counter must not go back when what failed goes on. */
async function failuresCounted(): Promise<number> {
  const text = await migrationMetrics(server.db);
  return Number(/wherry_vm_migrations_ended_total\{outcome="failed"\} (\d+)/.exec(text)?.[1]);
}

test('when a step fails, the ones beside it are told to stop, then everything is undone, and the first error stays', async () => {
  const { id, leases } = await upTo('copy', 'convert', 'check-manifest');
  const [copy, convert, manifest] = leases;
  const row = openRow();
  await worker.ledger(copy?.token ?? '', row);
  await worker.ledger(copy?.token ?? '', { ...row, state: 'created' });
  expect((await worker.commands()).cancel).toEqual([]);

  await worker.finish(convert?.token ?? '', { kind: 'failed', error: anError('unknown guest') });
  const commands = await worker.commands();
  expect(new Set(commands.cancel)).toEqual(new Set([copy?.token, manifest?.token]));
  expect(await worker.lease()).toBeNull(); // undo waits for them
  await worker.finish(manifest?.token ?? '', { kind: 'failed', error: anError('aborted, somehow') });
  await worker.finish(copy?.token ?? '', { kind: 'canceled' });

  expect(await work(worker, undoAll)).toEqual(['undo']);
  const vm = await server.vm(id);
  expect(vm).toMatchObject({ state: 'failed', leftBehind: [], undoError: null });
  expect(vm.error?.causes).toEqual(['unknown guest']);
  expect(statesOf(vm)).toMatchObject({ convert: 'failed', copy: 'canceled', verify: 'undone', undo: 'succeeded' });
  expect(vm.ledger.map(({ state }) => state)).toEqual(['removed']);
  expect((await server.migration(vm.migrationId)).state).toBe('failed');
});

test('undo gets the open rows of the ledger, oldest first, and no others', async () => {
  const { leases } = await upTo('copy');
  const token = leases[0]?.token ?? '';
  const rows: LedgerRow[] = [openRow('directory'), openRow('target-disk'), openRow('overlay')];
  for (const row of rows) await worker.ledger(token, row);
  await worker.ledger(token, { ...(rows[1] ?? openRow()), state: 'removed' });
  await work(worker, undefined, 3); // what runs beside the copy
  await worker.finish(token, { kind: 'failed', error: anError('disk full') });
  let given: readonly LedgerRow[] = [];
  await work(worker, async (lease) => {
    given = lease.ledger;
    return undoAll(lease);
  });
  expect(given.map(({ id }) => id)).toEqual([rows[0]?.id, rows[2]?.id]);
});

test('a queued VM is canceled at once, without any undo', async () => {
  const made = await server.create();
  const id = made.vmMigrations[0]?.id ?? '';
  const { status, body } = await server.post(`/vm-migrations/${id}/cancel`);
  expect(status).toBe(202);
  expect(body).toMatchObject({ state: 'canceled', cancelation: 'canceled', canceledBy: 'local' });
  expect(await worker.lease()).toBeNull();
  expect((await server.migration(made.id)).state).toBe('canceled');
});

test.each(['preflight', 'create-disks', 'verify', 'apply', 'create-vm', 'power-on', 'check-boot'])(
  'a VM can be canceled during %s, and ends canceled with nothing left',
  async (step) => {
    const { id, leases } = await upTo(step);
    const token = leases[0]?.token ?? '';
    await worker.ledger(token, openRow());
    const { body } = await server.post(`/vm-migrations/${id}/cancel`);
    expect(body).toMatchObject({ state: 'running', cancelation: 'canceling', cancelable: false });
    expect((await worker.commands()).cancel).toContain(token);
    expect((await server.post(`/vm-migrations/${id}/cancel`)).status).toBe(202); // asking twice is no harm
    await worker.finish(token, { kind: 'canceled' });
    expect((await work(worker, undoAll)).filter((name) => name === 'undo')).toEqual(['undo']);
    expect(await server.vm(id)).toMatchObject({
      state: 'canceled',
      cancelation: 'canceled',
      leftBehind: [],
      error: null,
    });
  },
);

test.each(['finalize', 'clean-up'])('from the point of no return on cancelation is refused: %s', async (step) => {
  const { id, leases } = await upTo(step);
  const { status, body } = await server.post(`/vm-migrations/${id}/cancel`);
  expect(status).toBe(409);
  expect(body).toMatchObject({ code: 'migration.past_return', params: { step: 'finalize' } });
  await worker.finish(leases[0]?.token ?? '', succeeded(step));
  await work(worker);
  expect(await server.vm(id)).toMatchObject({ state: 'completed', cancelation: 'none' });
  expect((await server.post(`/vm-migrations/${id}/cancel`)).body['code']).toBe('migration.ended');
});

test('past the point of no return a failing step is tried again, and what was handed over is never undone', async () => {
  const { id, leases } = await upTo('finalize');
  const token = leases[0]?.token ?? '';
  const vmRow = openRow('target-vm');
  await worker.ledger(token, vmRow);
  await worker.ledger(token, { ...vmRow, state: 'handed_over' });
  await worker.ledger(token, openRow());
  await worker.finish(token, { kind: 'failed', error: anError('busy') });
  const done = await work(worker, () => ({ kind: 'failed', error: anError('busy') }), 8);
  expect(new Set(done)).toEqual(new Set(['finalize']));
  const vm = await server.vm(id);
  expect(vm).toMatchObject({ state: 'failed', error: { causes: ['busy'] } });
  expect(vm.leftBehind.length).toBe(1);
  expect(vm).toMatchObject({ undoable: false, finishable: true, retryable: false });
  expect((await server.post(`/vm-migrations/${id}/undo`)).body['code']).toBe('migration.handed_over');
});

test('a hand-over that failed before anything was handed over is not undone on request either, but finished', async () => {
  const { id, leases } = await upTo('finalize');
  const rows = [openRow('directory'), openRow('target-disk'), openRow('target-vm')];
  for (const row of rows) await worker.ledger(leases[0]?.token ?? '', { ...row, state: 'created' });
  await worker.finish(leases[0]?.token ?? '', { kind: 'failed', error: anError('busy') });
  await work(worker, busy, 8);

  const failed = await server.vm(id);
  expect(failed).toMatchObject({ state: 'failed', undoable: false, finishable: true, leftBehind: [{}, {}, {}] });
  const refused = await server.post(`/vm-migrations/${id}/undo`);
  expect(refused).toMatchObject({ status: 409, body: { code: 'migration.handed_over' } });
  expect(String(refused.body['next'])).toContain('wherry finish');
  expect((await server.post(`/vm-migrations/${id}/cancel`)).status).toBe(409);
  expect(await worker.lease()).toBeNull();

  const failures = await failuresCounted();
  expect(failures).toBeGreaterThan(0);
  // The first order fails again: it can be given as often as it takes.
  expect((await server.post(`/vm-migrations/${id}/finish`)).status).toBe(202);
  expect((await server.post(`/vm-migrations/${id}/finish`)).body['code']).toBe('migration.nothing_to_finish');
  expect(await server.migration(failed.migrationId)).toMatchObject({ state: 'running', endedAt: null });
  expect(await failuresCounted()).toBe(failures);
  expect(new Set(await work(worker, busy, 8))).toEqual(new Set(['finalize']));
  expect(await server.vm(id)).toMatchObject({ state: 'failed', error: { causes: ['busy'] }, finishable: true });

  const { status, body } = await server.post(`/vm-migrations/${id}/finish`);
  expect({ status, body }).toMatchObject({ status: 202, body: { cancelable: false, undoable: false, error: null } });
  expect((await server.post(`/vm-migrations/${id}/undo`)).body['code']).toBe('migration.nothing_to_undo');
  const done = await work(worker, async ({ step, token, ledger }) => {
    expect(ledger.map((row) => row.id)).toEqual(rows.slice(0, step.name === 'finalize' ? 3 : 1).map((row) => row.id));
    for (const row of ledger) {
      const over = row.kind !== 'directory';
      if (step.name === 'clean-up' || over)
        await worker.ledger(token, { ...row, state: over ? 'handed_over' : 'removed' });
    }
    return undefined;
  });
  expect(done).toEqual(['finalize', 'clean-up']);
  const vm = await server.vm(id);
  expect(vm).toMatchObject({ state: 'completed', error: null, leftBehind: [], finishable: false, undoable: false });
  expect(vm.attempts.filter(({ outcome }) => outcome === 'failed').length).toBe(10);
  expect((await server.migration(vm.migrationId)).state).toBe('succeeded');
  expect((await server.post(`/vm-migrations/${id}/finish`)).body['code']).toBe('migration.nothing_to_finish');
});

test('a clean-up that failed after the hand-over is finished too; what failed before has no hand-over to finish', async () => {
  const { id, leases } = await upTo('clean-up');
  const row = openRow('directory');
  await worker.ledger(leases[0]?.token ?? '', row);
  await worker.finish(leases[0]?.token ?? '', { kind: 'failed', error: anError('busy') });
  await work(worker, () => ({ kind: 'failed', error: anError('busy') }), 8);
  expect(await server.vm(id)).toMatchObject({ state: 'failed', finishable: true, undoable: false });
  expect((await server.post(`/vm-migrations/${id}/finish`)).status).toBe(202);
  expect(
    await work(worker, async ({ token }) => void (await worker.ledger(token, { ...row, state: 'removed' }))),
  ).toEqual(['clean-up']);
  expect(await server.vm(id)).toMatchObject({ state: 'completed', leftBehind: [] });

  const other = await upTo('check-boot');
  await worker.ledger(other.leases[0]?.token ?? '', openRow('target-vm'));
  await worker.finish(other.leases[0]?.token ?? '', { kind: 'failed', error: anError('no sign of life') });
  expect(await work(worker, undoAll)).toEqual(['undo']);
  expect(await server.vm(other.id)).toMatchObject({ state: 'failed', finishable: false, leftBehind: [] });
  const refused = await server.post(`/vm-migrations/${other.id}/finish`);
  expect(refused.body['code']).toBe('migration.nothing_to_finish');
});

test('an undo that keeps failing ends with both errors and says what is left; it can be asked for again', async () => {
  const { id, leases } = await upTo('verify');
  const token = leases[0]?.token ?? '';
  const row = openRow();
  await worker.ledger(token, row);
  await worker.finish(token, { kind: 'failed', error: anError('digest') });
  const tries = await work(
    worker,
    ({ step }) => (step.name === 'undo' ? { kind: 'failed', error: anError('no permission') } : undefined),
    8,
  );
  expect(tries.filter((name) => name === 'undo').length).toBe(5);
  const failed = await server.vm(id);
  expect(failed).toMatchObject({
    state: 'failed',
    error: { causes: ['digest'] },
    undoError: { causes: ['no permission'] },
  });
  expect(failed.leftBehind.map((left) => left.id)).toEqual([row.id]);

  expect((await server.post(`/vm-migrations/${id}/undo`)).status).toBe(202);
  expect((await server.post(`/vm-migrations/${id}/undo`)).body['code']).toBe('migration.nothing_to_undo');
  expect(await work(worker, undoAll)).toEqual(['undo']);
  expect(await server.vm(id)).toMatchObject({
    state: 'failed',
    undoError: null,
    leftBehind: [],
    error: { causes: ['digest'] },
  });
});

test('a completed VM that left ledger rows open is a critical event', async () => {
  const { id, leases } = await upTo('clean-up');
  const token = leases[0]?.token ?? '';
  await worker.ledger(token, openRow());
  await worker.finish(token, succeeded('clean-up'));
  const events = await server.db.kysely
    .selectFrom('event')
    .select(['code', 'severity', 'params'])
    .where('vm_migration_id', '=', id)
    .execute();
  expect(events).toContainEqual({ code: 'ledger.left_open', severity: 'critical', params: { vm: 'web', count: 1 } });
});

test('a ledger row moves only along its table and never changes its owner', async () => {
  const { leases } = await upTo('copy');
  const token = leases[0]?.token ?? '';
  const row = openRow();
  expect((await worker.ledger(token, row)).status).toBe(200);
  expect((await worker.ledger(token, row)).status).toBe(200);
  expect((await worker.ledger(token, { ...row, state: 'removed' })).status).toBe(200);
  expect((await worker.ledger(token, { ...row, state: 'created' })).body['code']).toBe('migration.ledger_conflict');
  await worker.finish(token, { kind: 'failed', error: anError('over') });
  await work(worker, undoAll);
  const other = await upTo('copy');
  const stolen = { ...row, state: 'removed' as const };
  expect((await worker.ledger(other.leases[0]?.token ?? '', stolen)).body['code']).toBe('migration.ledger_conflict');
});
