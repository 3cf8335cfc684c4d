import { afterAll, beforeAll, expect, test } from 'vitest';
import { json } from '../db/db.ts';
import type { StoredError } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import { aSpec, fakeWorker } from './testing/fake-worker.ts';
import { startTestServer, type TestServer } from './testing/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
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
  const id = newId();
  const url = 'https://store.example/web.ova';
  const account = { type: 'ova', location: 'https://store.example/list/', username: 'joe' } as const;
  const row = {
    id,
    name: 'store',
    type: 'ova',
    account: json(account),
    created_by: 'me',
    watch_token: newId(),
  } as const;
  await server.db.kysely.insertInto('provider').values(row).execute();
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
