/** What changed around VMs when nobody looked: a server that is killed has committed it, and judged nothing by it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createRuleBook, type RuleBook } from '../concerns/rule-book.ts';
import { json } from '../db/db.ts';
import { createTestDatabase, type TestDatabase } from '../db/testing.ts';
import { newId } from '../model/ids.ts';
import { judgedUntil, keepJudged } from './concern-store.ts';
import { startJudge } from './judge.ts';
import { addProvider, addVms, vmObject } from './search/testing.ts';

let database: TestDatabase;
let directory: string;
let rules: RuleBook;
beforeAll(async () => {
  database = await createTestDatabase();
  directory = await mkdtemp(join(tmpdir(), 'wherry-judge-'));
  rules = createRuleBook(join(directory, 'rules.json'));
});
afterAll(async () => {
  await database.close();
  await rm(directory, { recursive: true, force: true });
});

const host = { cpus: 1, memoryBytes: 1, version: '8', connection: 'connected', maintenance: false, power: 'on' };
const hostId = newId();
const vmId = newId();

async function concerns(): Promise<readonly string[]> {
  const query = database.db.kysely.selectFrom('inventory_vm').select('concerns').where('object_id', '=', vmId);
  return (await query.executeTakeFirstOrThrow()).concerns;
}

const ago = (minutes: number) => sql<Date>`clock_timestamp() - ${minutes}::int * interval '1 minute'`;

/** A minute ago: longer than looks overlap, so that a start from now on would not see it. */
async function setMaintenance(maintenance: boolean): Promise<void> {
  await database.db.kysely
    .updateTable('inventory_object')
    .set({ data: JSON.stringify({ ...host, maintenance }), changed_at: ago(1) })
    .where('id', '=', hostId)
    .execute();
}

/** The server was killed two minutes ago. */
async function killed(): Promise<void> {
  const { numUpdatedRows } = await database.db.kysely
    .updateTable('setting')
    .set({ value: json(new Date(Date.now() - 120_000).toISOString()) })
    .where('name', '=', 'concerns.judged')
    .executeTakeFirst();
  expect(numUpdatedRows).toBe(1n);
}

/** Judges until `done`, and is gone. */
async function judging(done: () => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  const note = (error: unknown): void => void errors.push(error);
  const judge = startJudge({ db: database.db, rules, tickMs: 50, onProblem: note, onError: note });
  try {
    await vi.waitFor(done, 20_000);
  } finally {
    await judge.stop();
  }
  expect(errors).toEqual([]);
}

test('what was committed when no server judged is judged by the next one', async () => {
  const { db } = database;
  const { systemId } = await addProvider(db, 'vc', 'vsphere');
  const object = { kind: 'host', identity: 'h', ref: 'host-1', name: 'esx1', parent_ref: null, snapshot_token: null };
  const row = { ...object, id: hostId, system_id: systemId, data: JSON.stringify(host) };
  await db.kysely.insertInto('inventory_object').values(row).execute();
  const vm = vmObject('on-host', { hostRef: 'host-1', host: 'esx1' });
  await addVms(db, systemId, [{ id: vmId, vm, concerns: [] }]);
  await db.kysely
    .updateTable('inventory_object')
    .set({ changed_at: ago(60) })
    .where('id', '=', vmId)
    .execute();
  const isIn = (maintenance: boolean) => async (): Promise<void> => {
    expect((await concerns()).includes('vmware.host.maintenance')).toBe(maintenance);
    expect(await judgedUntil(db.kysely)).not.toBe(new Date(0).toISOString());
  };
  // Nobody has judged ever.
  await setMaintenance(true);
  expect(await concerns()).not.toContain('vmware.host.maintenance'); // the control
  await judging(isIn(true));
  // And between two of them.
  await killed();
  await setMaintenance(false);
  await judging(isIn(false));
});

test('how far it was judged never goes back', async () => {
  const { db } = database;
  const far = '2101-01-01T00:00:00.000Z';
  for (const until of [far, '2001-01-01T00:00:00.000Z']) await keepJudged(db, until);
  expect(await judgedUntil(db.kysely)).toBe(far);
});
