import { readdirSync, readFileSync } from 'node:fs';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { json } from '../db/db.ts';
import { openProviderSecrets } from '../db/vault-store.ts';
import { opensSource, stepNames } from './itinerary.ts';
import { startEngine } from './engine.ts';
import { forgetSourceQueries, openSourceQuery } from './source-query-store.ts';
import { aSpec, anError, fakeWorker, work } from './testing/fake-worker.ts';
import { addStore } from './testing/store.ts';
import { startTestServer, type TestServer } from './testing/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const signature = 'X-Amz-Signature=kanarie-signature';
const place = 'https://bucket.example/exports/web.ova';
const migrate = (source: object) => server.post('/migrations', { vms: [{ ...aSpec(), source }] });

/** Every row of every table that holds any of the text. */
async function rowsWith(text: string): Promise<string[]> {
  const { kysely } = server.db;
  const tables = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = 'public'`.execute(kysely);
  const found: string[] = [];
  for (const { name } of tables.rows) {
    const { rows } = await sql<{ text: string }>`
      select t::text as text from ${sql.table(name)} t where strpos(t::text, ${text}) > 0`.execute(kysely);
    found.push(...rows.map((row) => `${name}: ${row.text}`));
  }
  return found;
}

test('a signature in a source’s address is kept sealed, shown nowhere, given to steps that open it, and to a retry', async () => {
  const made = await migrate({ type: 'web', url: `${place}?${signature}` });
  expect(made.status).toBe(201);
  expect(JSON.stringify(made)).not.toContain('kanarie');
  const view = await server.migration(String(made.body['id']));
  expect(view).toMatchObject({ name: 'web.ova', vmMigrations: [{ spec: { source: { url: `${place}?…` } } }] });
  expect(await rowsWith('kanarie')).toEqual([]);
  expect(await rowsWith(`${place}?…`)).not.toEqual([]); // the control
  const worker = fakeWorker(server.app, 'one');
  await worker.hello();
  const given = new Map<string, object>();
  const accounts = new Map<string, unknown>();
  await work(worker, ({ step, secrets, account }) => {
    given.set(step.name, secrets);
    accounts.set(step.name, account);
    return step.name === 'verify' ? { kind: 'failed', error: anError('broken') } : undefined;
  });
  expect(accounts.get('copy')).toEqual({ type: 'ova', location: `${place}?…` });
  expect(accounts.get('create-disks')).toBeUndefined();
  const query = { query: signature };
  const first = { preflight: query, 'create-disks': {}, copy: query, convert: query, 'check-manifest': query };
  expect(Object.fromEntries(given)).toMatchObject({ ...first, verify: query, undo: {} });
  const { vmMigrations } = await server.migration(String(made.body['id']));
  const again = await server.post(`/vm-migrations/${vmMigrations[0]?.id}/retry`);
  expect(again.status).toBe(201);
  given.clear();
  await forgetSourceQueries(server.db); // as every now and then: not yet
  await work(worker, ({ step, secrets }) => {
    given.set(step.name, secrets);
    return undefined;
  });
  expect(Object.fromEntries(given)).toMatchObject({ ...first, apply: query, 'create-vm': {}, 'clean-up': {} });
  const kept = () => server.db.kysely.selectFrom('source_query').selectAll().execute();
  expect(await kept()).toHaveLength(1);
  await forgetSourceQueries(server.db);
  expect(await kept()).toEqual([]);
});

test('a question about a source takes its signature as a secret; one that nobody has is refused', async () => {
  const worker = fakeWorker(server.app, 'two');
  await worker.hello();
  const asked = server.post('/sources/list', {
    source: { type: 'web', url: `${place}?${signature}` },
    workerId: worker.workerId,
  });
  let calls: Awaited<ReturnType<typeof worker.commands>>['calls'] = [];
  for (let known = ''; calls.length === 0; ) {
    const commands = await worker.commands(known, 500);
    ({ calls } = commands);
    known = commands.version;
  }
  const [call] = calls;
  expect(call).toMatchObject({ params: { source: { url: `${place}?…` } }, secrets: { query: signature } });
  expect(await rowsWith('kanarie')).toEqual([]);
  await worker.post('answer', { callId: call?.id, result: [], error: null });
  expect(await asked).toMatchObject({ status: 200 });
  expect(await migrate({ type: 'web', url: `${place}?…` })).toMatchObject({ status: 422 });
});

test('a signature of one’s own goes with the account of the provider; without one the provider’s page is asked', async () => {
  const account = { type: 'ova', location: 'https://bucket.example/list/?…', username: 'joe' } as const;
  const id = await addStore(server.db, account.location, { username: 'joe' });
  const source = { type: 'web', url: `${place}?…`, provider: id } as const;
  expect(await server.engine.accessOf(source, null)).toEqual({ account, secrets: {} });
  const own = { account: { ...account, location: `${place}?…` }, secrets: { query: signature } };
  expect(await server.engine.accessOf(source, signature)).toEqual(own);
  const elsewhere = await migrate({ type: 'web', url: `https://other.example/a.ova?${signature}`, provider: id });
  expect(elsewhere.body).toMatchObject({ code: 'provider.setting_wrong' });
  expect(JSON.stringify(elsewhere)).not.toContain('kanarie');
});

test('the query of what failed past the point of no return is forgotten; of what can be migrated again it is not', async () => {
  const worker = fakeWorker(server.app, 'three');
  await worker.hello();
  const keptAfter = async (broken: string): Promise<readonly unknown[]> => {
    await server.db.kysely.deleteFrom('source_query').execute();
    const { body } = await migrate({ type: 'web', url: `${place}?${signature}` });
    const end = async (): Promise<string | undefined> => {
      await work(worker, ({ step }) =>
        step.name === broken ? { kind: 'failed', error: anError('broken') } : undefined,
      );
      return (await server.migration(String(body['id']))).vmMigrations[0]?.state;
    };
    await expect.poll(end, { timeout: 20_000 }).toBe('failed');
    const [vm] = (await server.migration(String(body['id']))).vmMigrations;
    await forgetSourceQueries(server.db);
    const kept = await server.db.kysely.selectFrom('source_query').selectAll().execute();
    return [vm?.retryable, kept.length];
  };
  expect(await keptAfter('finalize')).toEqual([false, 0]);
  expect(await keptAfter('verify')).toEqual([true, 1]);
});

test('what an older version kept with its query is sealed when a server starts', async () => {
  const { kysely } = server.db;
  const old = 'sig=kanarie-old';
  const { body } = await migrate({ type: 'web', url: place });
  const [vm] = (await server.migration(String(body['id']))).vmMigrations;
  const { target_copy_id: copy, spec } = await kysely
    .selectFrom('vm_migration')
    .select(['target_copy_id', 'spec'])
    .where('id', '=', vm?.id ?? '')
    .executeTakeFirstOrThrow();
  const source = { type: 'web' as const, url: `${place}?${old}` };
  await kysely
    .updateTable('vm_migration')
    .set({ spec: json({ ...spec, source }) })
    .where('target_copy_id', '=', copy)
    .execute();
  const identity = JSON.stringify([source, null]);
  await kysely.updateTable('target_copy').set({ source_identity: identity }).where('id', '=', copy).execute();
  const store = await addStore(server.db, `https://old.example/list/?${old}`, { name: 'old' });
  const removed = await addStore(server.db, `https://removed.example/list/?${old}`, { name: 'removed' });
  await kysely.updateTable('provider').set({ removed_at: new Date() }).where('id', '=', removed).execute();
  await addStore(server.db, '/srv/what?kanarie-is-no-query');
  const found = (rows: readonly string[]) => rows.filter((row) => row.includes(old)).map((row) => row.split(':')[0]);
  expect(found(await rowsWith('kanarie'))).toEqual(
    expect.arrayContaining(['provider', 'provider', 'target_copy', 'vm_migration']),
  );

  const { vault } = server.engine;
  const engine = await startEngine({ db: server.db, vault });
  await engine.stop();
  expect(found(await rowsWith('kanarie'))).toEqual([]);
  expect((await server.migration(String(body['id']))).vmMigrations[0]?.spec.source).toMatchObject({
    url: `${place}?…`,
  });
  expect(await openSourceQuery(server.db, vault, copy)).toBe(old);
  const provider = async (id: string) => {
    const row = await kysely.selectFrom('provider').select('account').where('id', '=', id).executeTakeFirstOrThrow();
    return [row.account, await server.db.transaction((tx) => openProviderSecrets(tx, vault, id))];
  };
  expect(await provider(store)).toMatchObject([{ location: 'https://old.example/list/?…' }, { query: old }]);
  expect(await provider(removed)).toEqual([{ type: 'ova', location: 'https://removed.example/list/?…' }, {}]);
  expect(await rowsWith('/srv/what?kanarie-is-no-query')).toHaveLength(1);
});

test('the steps that get what opens a source are those whose code opens it', () => {
  const directory = new URL('./steps/', import.meta.url);
  const opening = readdirSync(directory).filter((file) => {
    const text = readFileSync(new URL(file, directory), 'utf8');
    return /await openEnds\(|providers\.openSource\(|await checkWhatWasCopied\(/.test(text) && file !== 'ends.ts';
  });
  const names = opening.map((file) => file.replace(/\.ts$/, ''));
  expect(names.sort()).toEqual(['apply', 'check-manifest', 'convert', 'copy', 'create-vm', 'preflight', 'verify']);
  expect(stepNames.filter(opensSource).sort()).toEqual(names);
});
