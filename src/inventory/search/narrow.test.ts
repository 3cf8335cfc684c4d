/** The narrow copy that searches look through follows every write to inventory_vm. */
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Db, openDb } from '../../db/db.ts';
import { migrate, readMigrations } from '../../db/migrate.ts';
import { createTestDatabase, type TestDatabase } from '../../db/testing.ts';
import { newId } from '../../model/ids.ts';
import { searchVms } from '../search-store.ts';
import { startSweep } from '../sweep.ts';
import { sweepSets } from '../sweep-store.ts';
import { parseFilter } from './parse.ts';
import { addProvider, addVms, vmObject } from './testing.ts';

let database: TestDatabase;
const ids = [newId(), newId()] as const;
beforeAll(async () => {
  database = await createTestDatabase();
  const { systemId } = await addProvider(database.db, 'one', 'vsphere');
  await addVms(
    database.db,
    systemId,
    ids.map((id, at) => ({ id, vm: aVm(`VM-${at}`), concerns: [] })),
  );
});
afterAll(() => database.close());

function aVm(name: string) {
  return vmObject(name, { tags: ['Prod', `of ${name}`], ips: ['10.0.0.1', 'FE80::1'] });
}

async function found(filter: string, db: Db = database.db): Promise<string[]> {
  const { items } = await searchVms(db, { filter: parseFilter(filter), sort: 'name' }, { limit: 100 });
  return items.map(({ name }) => name);
}

async function change(set: ReturnType<typeof sql>): Promise<void> {
  await sql`update inventory_vm set ${set} where object_id = ${ids[0]}`.execute(database.db.kysely);
}

async function countSets(): Promise<number> {
  const { rows } = await database.db.pool.query<{ count: number }>('select count(*) from inventory_set');
  return rows[0]?.count ?? 0;
}

test('what is changed is found as it is now, and no longer as it was', async () => {
  expect(await found('tag = prod and name = vm-0')).toEqual(['VM-0']);
  await change(sql`tags = '{Test}', power = 'paused', ips = '{"odd, \\"one\\" 10.9"}'`);
  expect(await found('tag = test and power = paused')).toEqual(['VM-0']);
  expect(await found('tag = prod')).toEqual(['VM-1']);
  expect(await found('ip = "odd, \\"one\\" 10.9"')).toEqual(['VM-0']);
  // Parts of two addresses are none.
  expect(await found('ip ~ 10.0.0.1*fe80*')).toEqual([]);
  expect(await found('ip = fe80::1')).toEqual(['VM-1']);
});

test('lists that nobody has are swept, the others stay', async () => {
  await change(sql`tags = '{Short lived}'`);
  expect(await found('tag = "short lived"')).toEqual(['VM-0']);
  await change(sql`tags = '{Kept}'`);
  const before = await countSets();
  expect(await sweepSets(database.db)).toBeGreaterThan(0);
  expect(await countSets()).toBeLessThan(before);
  expect(await sweepSets(database.db)).toBe(0);
  expect(await found('tag = kept')).toEqual(['VM-0']);
  expect(await found('tag = prod')).toEqual(['VM-1']);
  expect(await found('has origin')).toEqual(['VM-0', 'VM-1']);
});

test('a list that was swept is there again when a VM has it again', async () => {
  await change(sql`tags = '{Short lived}'`);
  expect(await found('tag = "short lived"')).toEqual(['VM-0']);
});

test('a sweep waits for who is writing', async () => {
  await change(sql`tags = '{Other}'`);
  const { db } = database;
  let sweeping: Promise<number> | undefined;
  await db.transaction(async (tx) => {
    await sql`update inventory_vm set tags = '{Short lived}' where object_id = ${ids[0]}`.execute(tx);
    sweeping = sweepSets(db);
    const waits = sql<{ waits: boolean }>`select exists (select 1 from pg_locks
      where relation = 'inventory_set'::regclass and not granted) as waits`;
    while (!(await waits.execute(db.kysely)).rows[0]?.waits) await Promise.resolve();
  });
  await sweeping;
  expect(await found('tag = "short lived"')).toEqual(['VM-0']);
});

test('a server sweeps when it starts', async () => {
  await change(sql`tags = '{Nobody has this}'`);
  await change(sql`tags = '{Other}'`);
  const before = await countSets();
  const errors: unknown[] = [];
  const sweep = startSweep(database.db, (error) => errors.push(error));
  await vi.waitFor(async () => expect(await countSets()).toBeLessThan(before), 30_000);
  await sweep.stop();
  expect(errors).toEqual([]);
});

test('what an older database holds is found after its migration', async () => {
  await database.db.pool.query('create database older template template0');
  const older = openDb({ connection: { ...database.connection, database: 'older' } });
  try {
    const files = await readMigrations();
    await migrate(
      older.pool,
      files.filter(({ number }) => number < 10),
    );
    const { systemId } = await addProvider(older, 'one', 'vsphere');
    await addVms(older, systemId, [{ id: newId(), vm: aVm('Old'), concerns: [] }]);
    await migrate(older.pool, files);
    expect(await found('tag = prod and name = old', older)).toEqual(['Old']);
  } finally {
    await older.close();
  }
});

test('what is gone is not found', async () => {
  await sql`delete from inventory_object where id = ${ids[0]}`.execute(database.db.kysely);
  expect(await found('')).toEqual(['VM-1']);
  const { rows } = await database.db.pool.query('select object_id from inventory_search');
  expect(rows).toEqual([{ object_id: ids[1] }]);
});
