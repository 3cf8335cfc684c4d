import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../model/ids.ts';
import { aSpec } from './testing/fake-worker.ts';
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
