/** Addresses of web servers with a signature in them: what is kept, what is shown, what a watch gets. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type InventoryServer, startInventoryServer } from './testing/server.ts';

let server: InventoryServer;
beforeAll(async () => {
  server = await startInventoryServer();
});
afterAll(() => server.close());

const shown = 'https://bucket.example/list/?…';
const signed = (signature: string): string => `https://bucket.example/list/?sig=${signature}&b=%2F`;
const edit = (id: string, body: object) => server.app.ask('PATCH', `/api/v1/providers/${id}`, { body });

test('a query is a secret of the provider: shown as there, kept with what is edited, renewed, and dropped', async () => {
  const worker = await server.worker();
  const given = {
    account: { type: 'ova', location: signed('kanarie-one'), username: 'joe' },
    secrets: { password: 'pw' },
  };
  const view = await server.add('bucket', given as never);
  expect(view).toMatchObject({ account: { location: shown }, secrets: ['password', 'query'] });
  expect(JSON.stringify(view)).not.toContain('kanarie');
  const kept = await server.db.kysely.selectFrom('provider').select('account').where('id', '=', view.id).execute();
  expect(JSON.stringify(kept)).not.toContain('kanarie');
  const first = await worker.begin(view.id);
  expect(first.account).toMatchObject({ location: shown });
  expect(first.secrets).toEqual({ password: 'pw', query: 'sig=kanarie-one&b=%2F' });
  // As the console sends it back: it stays.
  await edit(view.id, { account: view.account });
  expect((await worker.begin(view.id)).secrets).toEqual(first.secrets);
  // A signature that was renewed leads to the same place: the password need not be given again.
  const renewed = await edit(view.id, { account: { ...view.account, location: signed('kanarie-two') } });
  expect(renewed).toMatchObject({ status: 200, body: { account: { location: shown } } });
  expect((await worker.begin(view.id)).secrets).toEqual({ password: 'pw', query: 'sig=kanarie-two&b=%2F' });
  const bare = await edit(view.id, { account: { ...view.account, location: 'https://bucket.example/list/' } });
  expect(bare.body).toMatchObject({ secrets: ['password'], account: { location: 'https://bucket.example/list/' } });
  // What is hidden and kept by nobody cannot be used; given apart, as the command line does, it can.
  expect(await edit(view.id, { account: view.account })).toMatchObject({ status: 422 });
  const apart = await edit(view.id, { secrets: { query: 'sig=kanarie-three' } });
  expect(apart.body).toMatchObject({ account: { location: shown }, secrets: ['password', 'query'] });
});

test('a query goes to no other server: a new address asks for it again', async () => {
  const view = await server.add('moved', { account: { type: 'ova', location: signed('kanarie-four') } } as never);
  const elsewhere = { account: { type: 'ova', location: 'https://other.example/list/?…' } };
  expect((await edit(view.id, elsewhere)).body).toMatchObject({ code: 'provider.secret_again' });
  const made = await server.app.ask('POST', '/api/v1/providers', {
    body: { name: 'none', ...elsewhere, check: false },
  });
  expect(made).toMatchObject({ status: 422, body: { code: 'provider.setting_wrong' } });
});
