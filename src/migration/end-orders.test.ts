/** Orders that end a VM migration: their answers, and the owner's word that something was removed for good. */
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../model/ids.ts';
import type { Lease, Outcome } from './protocol.ts';
import { anError, fakeWorker, type FakeWorker, openRow, resultOf, work } from './testing/fake-worker.ts';
import { startTestServer, type TestServer } from './testing/server.ts';

let server: TestServer;
let worker: FakeWorker;
beforeAll(async () => {
  server = await startTestServer({ leaseMs: 60_000, maxFruitless: 1 });
  worker = fakeWorker(server.app, 'one');
  await worker.hello();
});
afterAll(() => server.close());

const away = (): Outcome => ({ kind: 'failed', error: anError('it is away') });

/** A VM that failed in `step`, with a disk at the target that was not got rid of. */
async function failedIn(step: string): Promise<string> {
  const made = await server.create();
  const id = made.vmMigrations[0]?.id ?? '';
  for (;;) {
    const lease = await worker.lease(5_000);
    if (lease === null) throw new Error(`${step} never came`);
    if (lease.step.name === step) {
      await worker.ledger(lease.token, openRow('target-disk'));
      await worker.finish(lease.token, away());
      await work(worker, away, 8);
      return id;
    }
    await worker.finish(lease.token, { kind: 'succeeded', result: resultOf(lease.step.name) });
  }
}

/** Whether the answer was kept by the transaction that did the work: what a killed server has promised is then known. */
async function isKeptWithin(key: string, code: string, id: string): Promise<boolean> {
  const { rows } = await sql<{ same: boolean }>`
    select k.xmin = e.xmin as same from idempotency_key k, event e
    where k.key = ${key} and k.status = 202 and e.code = ${code} and e.vm_migration_id = ${id}`.execute(
    server.db.kysely,
  );
  return rows.length === 1 && rows[0]?.same === true;
}

test.each([
  ['finalize', 'finish', 'vm_migration.finish_requested'],
  ['create-vm', 'undo', 'vm_migration.undo_requested'],
])(
  'the order after a failed %s (%s) happens once, and is answered the same by a server that was killed',
  async (step, order, code) => {
    const id = await failedIn(step);
    const key = newId();
    const one = await server.post(`/vm-migrations/${id}/${order}`, {}, key);
    expect(one).toMatchObject({ status: 202, body: { id } });
    expect(await isKeptWithin(key, code, id)).toBe(true);
    expect(await server.post(`/vm-migrations/${id}/${order}`, {}, key)).toEqual(one);
    await work(worker, away, 8);
  },
);

test.each([
  ['finalize', 'finish', 'finalize'],
  ['create-vm', 'undo', 'undo'],
])(
  'after a failed %s, the step that follows %s knows who said that what is not found is gone, and only then',
  async (step, order, name) => {
    const id = await failedIn(step);
    const told: unknown[] = [];
    const note = async (lease: Lease): Promise<Outcome> => {
      if (lease.step.name === name) told.push(lease.checkpoint);
      return away();
    };
    for (const body of [{}, { gone: true }, { gone: false }]) {
      const before = told.length;
      expect((await server.post(`/vm-migrations/${id}/${order}`, body)).status).toBe(202);
      await work(worker, note, 8);
      told.splice(before + 1);
    }
    expect(told).toEqual([null, { gone: { saidBy: 'local' } }, null]);
    expect((await server.post(`/vm-migrations/${id}/${order}`, { gone: 'yes' })).status).toBe(400);
  },
);
