import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { json } from '../db/db.ts';
import type { StoredError } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import { aSpec, fakeWorker } from './testing/fake-worker.ts';
import { addStore } from './testing/store.ts';
import { startTestServer, type TestServer } from './testing/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ leaseMs: 60_000, maxPerWorker: 20 });
});
afterAll(() => server.close());

const of = (url: string, more: object = {}) => ({ type: 'web', url, ...more });
const migrate = (source: object) =>
  server.post('/migrations', { vms: [{ ...aSpec('/tmp/web.ova'), source, targetName: 'web' }] });

test('an address with a password in it, or that is none, is refused before anything of it is kept or asked', async () => {
  const secret = 'kanarie-in-address';
  const bad = [
    `http://joe:${secret}@store.example/web.ova`,
    `https://${secret}@store.example/web.ova`,
    'http://[/web.ova',
  ];
  for (const url of bad) {
    for (const source of [of(url), of(url, { provider: newId() })]) {
      for (const answer of [await migrate(source), await server.post('/sources/list', { source })]) {
        expect(answer).toMatchObject({ status: 422, body: { code: 'provider.setting_wrong' } });
        expect(JSON.stringify(answer)).not.toContain(secret);
      }
    }
  }
  // Control: the same without it is taken.
  expect((await migrate(of('http://store.example/web.ova?version=2'))).status).toBe(201);
});

test('a password that its server has refused is not sent again, for no VM, until a person has corrected it', async () => {
  const url = 'https://store.example/web.ova';
  const account = { type: 'ova', location: 'https://store.example/list/', username: 'joe' } as const;
  const id = await addStore(server.db, account.location, { username: 'joe' });
  const begun = await migrate(of(url, { provider: id }));
  expect(begun.status).toBe(201);
  const set = (code: StoredError['code'] | null) =>
    server.db.kysely
      .updateTable('provider')
      .set({
        state: code === null ? 'new' : 'stopped',
        error:
          code === null ? null : json({ code, params: { system: 'https://store.example', user: 'joe' }, causes: [] }),
      })
      .where('id', '=', id)
      .execute();
  const worker = fakeWorker(server.app, 'one');
  await worker.hello();
  await set('provider.sign_in_refused');
  expect((await migrate(of(url, { provider: id }))).body['code']).toBe('provider.sign_in_refused');
  let lease = await worker.lease();
  // The other test's comes first.
  while (lease !== null && lease.vmMigration.migrationId !== begun.body['id']) lease = await worker.lease();
  expect(lease).toMatchObject({ accessError: { code: 'provider.sign_in_refused' }, secrets: {} });
  expect(lease).not.toHaveProperty('account');
  // Controls: what else stops a watch says nothing of the password, and a corrected one is used.
  await set('provider.http_status');
  expect((await migrate(of(url, { provider: id }))).status).toBe(201);
  await set(null);
  expect(await server.engine.accessOf({ type: 'web', url, provider: id }, null)).toEqual({ account, secrets: {} });
});

test('the first VM that is refused stops the provider for all others; not when its account was changed meanwhile', async () => {
  const url = 'https://other.example/web.ova';
  const id = await addStore(server.db, 'https://other.example/', { username: 'joe', state: 'following' });
  const worker = fakeWorker(server.app, 'two');
  await worker.hello();
  const lease = async (address = url) => {
    const begun = await migrate(of(address, { provider: id }));
    expect(begun.status).toBe(201);
    for (;;) {
      const found = await worker.lease(5_000);
      if (found === null) throw new Error('no lease');
      if (found.vmMigration.migrationId === begun.body['id']) return found;
    }
  };
  const provider = () =>
    server.db.kysely.selectFrom('provider').select(['state', 'error']).where('id', '=', id).executeTakeFirstOrThrow();
  const code = 'provider.sign_in_refused';
  const refused = {
    kind: 'failed',
    error: { code, params: { system: 'https://other.example', user: 'joe' }, causes: [] },
  } as const;

  // Somebody has given another password since this one got the old one.
  const old = await lease();
  expect(old).toHaveProperty('account');
  const changed = { changed_at: sql<Date>`clock_timestamp()` };
  await server.db.kysely.updateTable('provider').set(changed).where('id', '=', id).execute();
  await worker.finish(old.token, refused);
  expect(await provider()).toEqual({ state: 'following', error: null });

  // An error of another kind says nothing of the password.
  const [one, two, three] = [await lease(), await lease(), await lease()];
  const lost = { kind: 'failed', error: { ...refused.error, code: 'provider.connection_lost' } } as const;
  await worker.finish(one.token, lost);
  expect(await provider()).toMatchObject({ state: 'following' });

  // What a signature of its own is refused is not the account's.
  await worker.finish((await lease(`${url}?signature=old`)).token, refused);
  expect(await provider()).toMatchObject({ state: 'following' });

  await worker.finish(two.token, refused);
  expect(await provider()).toMatchObject({ state: 'stopped', error: { code } });
  expect((await migrate(of(url, { provider: id }))).body['code']).toBe(code);
  // A step that is leased from here on gets nothing to try.
  await worker.finish(three.token, { kind: 'released' });
  let next = await worker.lease(5_000);
  while (next !== null && next.step.id !== three.step.id) next = await worker.lease(5_000);
  expect(next).toMatchObject({ accessError: { code }, secrets: {} });
  const events = await server.db.kysely
    .selectFrom('event')
    .select('params')
    .where('code', '=', 'provider.stopped')
    .execute();
  expect(events.filter(({ params }) => (params as { providerId?: string }).providerId === id)).toHaveLength(1);
});
