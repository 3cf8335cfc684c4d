import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from 'kysely';
import { newId } from '../model/ids.ts';
import { json, openDb, sqlState } from './db.ts';
import { type MigrationFile, migrate, readMigrations } from './migrate.ts';
import { createTestDatabase, type TestDatabase } from './testing.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

function event(id = newId()) {
  return {
    id,
    actor: 'local',
    code: 'test.happened',
    params: json({ size: 3, name: 'ä' }),
    severity: 'error' as const,
  };
}
const extra = (number: number, text: string): MigrationFile => ({ number, name: `${number}_extra.sql`, sql: text });
const within = async <T>(promise: Promise<T>, ms = 3_000): Promise<T> =>
  Promise.race([
    promise,
    new Promise<never>((_, reject) => setTimeout(() => reject(new Error(`nothing within ${ms} ms`)), ms).unref()),
  ]);

describe('a database', () => {
  test('reads what was written, with sizes as numbers and times as dates', async () => {
    const { kysely } = database.db;
    const { id } = await kysely.insertInto('event').values(event()).returning('id').executeTakeFirstOrThrow();
    const row = await kysely.selectFrom('event').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    expect(row.params).toEqual({ size: 3, name: 'ä' });
    expect(row.time.getTime()).toBeGreaterThan(Date.now() - 60_000);
    const { rows } = await sql<{ size: number }>`select ${2 ** 40}::bigint as size`.execute(kysely);
    expect(rows[0]?.size).toBe(2 ** 40);
  });

  test('refuses sizes that a number cannot hold', async () => {
    await expect(sql`select 9223372036854775807::bigint`.execute(database.db.kysely)).rejects.toThrow('beyond 2^53');
  });

  test('never changes an event', async () => {
    const { kysely } = database.db;
    await kysely.insertInto('event').values(event()).execute();
    await expect(kysely.updateTable('event').set({ code: 'other' }).execute()).rejects.toThrow('append only');
  });

  test('keeps nothing of a transaction that fails', async () => {
    const id = newId();
    await expect(
      database.db.transaction(async (tx) => {
        await tx.insertInto('event').values(event(id)).execute();
        throw new Error('stop');
      }),
    ).rejects.toThrow('stop');
    const rows = await database.db.kysely.selectFrom('event').select('id').where('id', '=', id).execute();
    expect(rows).toEqual([]);
  });

  test('tells a unique violation by its state', async () => {
    const same = event();
    await database.db.kysely.insertInto('event').values(same).execute();
    const error = await database.db.kysely
      .insertInto('event')
      .values(same)
      .execute()
      .catch((e: unknown) => e);
    expect(sqlState(error)).toBe('23505');
  });

  test('runs a transaction again that lost a deadlock', async () => {
    const { db } = database;
    await db.kysely
      .insertInto('setting')
      .values([
        { name: 'a', value: json(0) },
        { name: 'b', value: json(0) },
      ])
      .execute();
    let runs = 0;
    let holding = 0;
    const both = Promise.withResolvers<void>();
    const cross = (first: string, second: string): Promise<void> =>
      db.transaction(async (tx) => {
        runs += 1;
        const add = (name: string) =>
          sql`update setting set value = to_jsonb(value::int + 1) where name = ${name}`.execute(tx);
        await add(first);
        holding += 1;
        if (holding === 2) both.resolve();
        await both.promise; // each has what the other wants
        await add(second);
      });
    await Promise.all([cross('a', 'b'), cross('b', 'a')]);
    // Once more, or again: whoever lost may take its row before the other one has woken.
    expect(runs).toBeGreaterThanOrEqual(3);
    const rows = await db.kysely.selectFrom('setting').select('value').where('name', 'in', ['a', 'b']).execute();
    expect(rows.map(({ value }) => value)).toEqual([2, 2]);
  });
});

describe('listening', () => {
  test('gets what other connections send, when they commit and only then', async () => {
    const other = openDb({ connection: database.connection });
    const got: string[] = [];
    const arrived = Promise.withResolvers<void>();
    const subscription = await database.db.listen('test_commit', (payload) => {
      got.push(payload);
      if (payload === 'last') arrived.resolve();
    });
    await other
      .transaction(async (tx) => {
        await other.notify('test_commit', 'rolled back', tx);
        throw new Error('stop');
      })
      .catch(() => undefined);
    await other.transaction((tx) => other.notify('test_commit', 'committed', tx));
    await other.notify('test_commit', 'last');
    await within(arrived.promise);
    expect(got).toEqual(['committed', 'last']);
    subscription.stop();
    await other.close();
  });

  test('comes back after its connection was cut, and says that something may have been missed', async () => {
    const gap = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<string>();
    await database.db.listen('test_gap', arrived.resolve, gap.resolve);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query like 'listen%'`.execute(database.db.kysely);
    await within(gap.promise);
    await database.db.notify('test_gap', 'after');
    expect(await within(arrived.promise)).toBe('after');
  });

  test('refuses a channel that is not a plain name', async () => {
    await expect(database.db.listen('a; drop table event', () => undefined)).rejects.toThrow('not a channel name');
  });
});

describe('migrations', () => {
  test('are applied once, in order, even when several servers start at once', async () => {
    const fresh = await createTestDatabase();
    try {
      const files = [
        ...(await readMigrations()),
        extra(901, 'create table one (n int)'),
        extra(902, 'alter table one add m int'),
      ];
      const applied = await Promise.all([1, 2, 3].map(() => migrate(fresh.db.pool, files)));
      expect(applied.flat()).toEqual(['901_extra.sql', '902_extra.sql']);
      expect(await migrate(fresh.db.pool, files)).toEqual([]);
      await expect(migrate(fresh.db.pool)).rejects.toMatchObject({ code: 'server.database_newer' });
      const changed = [...files.slice(0, -1), extra(902, 'alter table one add k int')];
      await expect(migrate(fresh.db.pool, changed)).rejects.toMatchObject({ code: 'server.migration_changed' });
    } finally {
      await fresh.close();
    }
  });

  test('leave nothing of one that fails', async () => {
    const fresh = await createTestDatabase();
    try {
      const broken = [...(await readMigrations()), extra(901, 'create table two (n int); select no_such_thing()')];
      await expect(migrate(fresh.db.pool, broken)).rejects.toThrow('901_extra.sql');
      const { rows } = await fresh.db.pool.query(`select to_regclass('two') as found`);
      expect(rows[0]).toEqual({ found: null });
      expect(await migrate(fresh.db.pool)).toEqual([]);
    } finally {
      await fresh.close();
    }
  });
});
