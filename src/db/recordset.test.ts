/** Whatever a text has in it, it is stored as it is; only what PostgreSQL cannot hold is taken out. */
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ColumnType, recordset } from './recordset.ts';
import { createTestDatabase, type TestDatabase } from './testing.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

async function back(types: Readonly<Record<string, ColumnType>>, given: Record<string, unknown>[]): Promise<unknown[]> {
  const { names, values, rows } = recordset(types, given);
  const { kysely } = database.db;
  return kysely.transaction().execute(async (tx) => {
    const columns = sql.join(Object.entries(types).map(([name, type]) => sql`${sql.ref(name)} ${sql.raw(type)}`));
    await sql`create temporary table back (at serial, ${columns}) on commit drop`.execute(tx);
    await sql`insert into back (${names}) select ${values} from ${rows}`.execute(tx);
    return (await sql`select ${names} from back order by at`.execute(tx)).rows;
  });
}

const texts = [
  '',
  ' ',
  ' a ',
  'null',
  'NULL',
  'a,b',
  '{',
  '}',
  '"',
  '\\',
  '\\N',
  '\n',
  '\r\n\t',
  "'",
  'ä€😀',
  '\u0001',
  '{"a"}',
  '[ds] a/b.vmdk',
  '[1:2]={a}',
  'a  b',
];

test('texts, lists of them and documents come back as they were, nulls among them', async () => {
  const types = { t: 'text', l: 'text[]', d: 'jsonb' } as const;
  const given = [
    ...texts.map((t) => ({ t, l: [t, 'b', t], d: { [t]: [t, null] } })),
    { t: null, l: [], d: 'a' },
    { t: 'x', l: texts, d: texts },
  ];
  expect(await back(types, given)).toEqual(given);
});

test('numbers, booleans and ids', async () => {
  const types = { n: 'bigint', i: 'integer', b: 'boolean', s: 'bigint[]', u: 'uuid' } as const;
  const u = '0192f0c1-2222-7000-8000-000000000000';
  const given = [
    { n: Number.MAX_SAFE_INTEGER, i: -1, b: true, s: [1, 2 ** 40], u },
    { n: null, i: 0, b: null, s: [], u: null },
  ];
  expect(await back(types, given)).toEqual(given.map((row) => ({ ...row, s: row.s.map(String) })));
  expect(await back(types, [])).toEqual([]);
});

test('without NULs and halves of characters', async () => {
  const types = { t: 'text', l: 'text[]', d: 'jsonb' } as const;
  const [half, whole] = ['\ud800', '\ufffd'];
  expect(await back(types, [{ t: `a\0b${half}`, l: [`\0${half}`], d: { a: `a\0b${half}`, b: '\\u0000' } }])).toEqual([
    { t: `ab${whole}`, l: [whole], d: { a: `ab${whole}`, b: '\\u0000' } },
  ]);
});
