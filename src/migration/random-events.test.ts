import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LedgerState } from './states.ts';
import { ledgerMoves } from './states.ts';
import { anError, fakeWorker, openRow, resultOf, work } from './testing/fake-worker.ts';
import { startTestServer, type TestServer } from './testing/server.ts';

let one: TestServer;
let two: TestServer;
beforeAll(async () => {
  one = await startTestServer({ leaseMs: 60_000, maxPerWorker: 2, maxPerServer: 3 });
  two = await startTestServer({ leaseMs: 60_000, maxPerWorker: 2, maxPerServer: 3 }, one.test);
});
afterAll(async () => {
  await two.close();
  await one.close();
});

const anyAction = fc.record({
  who: fc.nat(1),
  what: fc.oneof(
    { weight: 8, arbitrary: fc.constant('work' as const) },
    { weight: 2, arbitrary: fc.constantFrom('fail' as const, 'lose' as const, 'decline' as const) },
    { weight: 2, arbitrary: fc.constantFrom('cancel' as const, 'restart' as const, 'repeat' as const) },
  ),
  pick: fc.nat(2),
});

/** What must be true of the rows at every moment. */
async function checkRows(ids: readonly string[]): Promise<void> {
  const { pool } = one.db;
  const { rows: twice } = await pool.query(
    `select step_id from attempt where ended_at is null group by step_id having count(*) > 1`,
  );
  expect(twice).toEqual([]);
  const { rows: orphans } = await pool.query(
    `select 1 from attempt a left join step s on s.token = a.token where (a.ended_at is null) <> (s.id is not null)`,
  );
  expect(orphans).toEqual([]);
  const { rows: busy } = await pool.query(
    `select worker_id from vm_migration where state = 'running' group by worker_id having count(*) > 2`,
  );
  expect(busy).toEqual([]);
  const { rows: split } = await pool.query(
    `select vm_migration_id from step where state = 'running' group by 1 having count(distinct worker_id) > 1`,
  );
  expect(split).toEqual([]);
  const { rows: undoing } = await pool.query(
    `select 1 from step u join step s using (vm_migration_id)
     where u.name = 'undo' and u.state = 'running' and s.name <> 'undo' and s.state = 'running'`,
  );
  expect(undoing).toEqual([]);
  const { rows: history } = await pool.query<{ from: LedgerState; to: LedgerState }>(
    `select * from (select lag(state) over (partition by ledger_id order by number) as "from", state as "to"
                    from ledger_history) h where "from" is not null and "from" <> "to"`,
  );
  for (const { from, to } of history) expect<readonly string[]>(ledgerMoves[from]).toContain(to);
  expect(ids.length).toBeGreaterThan(0);
}

test('two servers, two workers and whatever happens: every VM ends, once, with nothing left open', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyAction, { minLength: 15, maxLength: 40 }), async (actions) => {
      let workers = [fakeWorker(one.app, 'a'), fakeWorker(two.app, 'b')];
      for (const worker of workers) await worker.hello();
      const made = await one.create(3);
      const ids = made.vmMigrations.map(({ id }) => id);
      const ended = new Map<string, string>();
      const repeated: (number | undefined)[] = [];
      let last: { worker: number; token: string } | undefined;
      for (const { who, what, pick } of actions) {
        const worker = workers[who];
        if (worker === undefined) continue;
        if (what === 'cancel') await one.post(`/vm-migrations/${ids[pick]}/cancel`);
        else if (what === 'restart') {
          workers = workers.map((each, at) =>
            at === who ? fakeWorker([one, two][at]?.app ?? one.app, each.name, each) : each,
          );
          await workers[who]?.hello();
        } else if (what === 'repeat') {
          if (last === undefined) continue;
          const reply = await workers[last.worker]?.finish(last.token, { kind: 'failed', error: anError('late') });
          repeated.push(reply?.status);
        } else {
          const lease = await worker.lease();
          if (lease === null) continue;
          if (lease.step.name === 'copy') await worker.ledger(lease.token, openRow());
          if (lease.step.name === 'undo' || lease.step.name === 'clean-up') {
            for (const row of lease.ledger) await worker.ledger(lease.token, { ...row, state: 'removed' });
          }
          const error = anError(what);
          await worker.finish(
            lease.token,
            what === 'work'
              ? { kind: 'succeeded', result: resultOf(lease.step.name) }
              : { kind: ({ fail: 'failed', lose: 'lost', decline: 'declined' } as const)[what], error },
          );
          last = { worker: who, token: lease.token };
        }
        for (const { id, state } of (await two.migration(made.id)).vmMigrations) {
          expect(state).toBe(ended.get(id) ?? state); // what has ended stays so
          if (['completed', 'failed', 'canceled'].includes(state)) ended.set(id, state);
        }
        await checkRows(ids);
      }
      for (let round = 0; round < 4; round += 1) {
        for (const worker of workers) {
          await work(worker, async ({ step, token, ledger }) => {
            const ends = step.name === 'undo' || step.name === 'clean-up';
            if (ends) for (const row of ledger) await worker.ledger(token, { ...row, state: 'removed' });
            return undefined;
          });
        }
      }
      await checkRows(ids);
      expect(repeated.filter((status) => status !== 200)).toEqual([]);
      const over = await one.migration(made.id);
      expect(['succeeded', 'failed', 'canceled']).toContain(over.state);
      for (const { leftBehind } of over.vmMigrations) expect(leftBehind).toEqual([]);
      // The next run's workers are new ones: these must not count among the living.
      await one.db.pool.query(`update worker set alive_until = clock_timestamp()`);
    }),
    { numRuns: 6, endOnFailure: true },
  );
});
