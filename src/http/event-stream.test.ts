import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../model/ids.ts';
import { recordEvent } from '../db/event-store.ts';
import { createTestApp, type TestApp } from './testing.ts';

let app: TestApp;
const server = createServer((incoming, reply) => app.app.routing(incoming, reply));
beforeAll(async () => {
  app = await createTestApp();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await app.close();
});

const happening = { actor: 'local', code: 'test.happened', params: { n: 1 }, severity: 'information' } as const;

type Stream = { readonly answer: IncomingMessage; until(text: string, ms?: number): Promise<string>; close(): void };

async function open(headers: Record<string, string> = {}): Promise<Stream> {
  const { port } = server.address() as AddressInfo;
  const asked = request({
    port,
    host: '127.0.0.1',
    path: '/api/v1/events/stream',
    headers: { 'x-test-local': 'yes', ...headers },
  });
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve).once('error', reject).end();
  });
  let text = '';
  answer.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  return {
    answer,
    until: async (wanted, ms = 3_000) => {
      for (
        const end = Date.now() + ms;
        !text.includes(wanted);
        await new Promise((resolve) => setTimeout(resolve, 10))
      ) {
        if (Date.now() > end) throw new Error(`no ${wanted} within ${ms} ms, only: ${text}`);
      }
      return text;
    },
    close: () => void asked.destroy(),
  };
}

test('all who look hear of a change within a second, and of many changes of one thing once', async () => {
  const streams = await Promise.all([open(), open()]);
  expect(streams[0].answer.headers['content-type']).toContain('text/event-stream');
  const id = newId();
  await Promise.all(Array.from({ length: 50 }, () => app.hub.publish({ kind: 'migration', id })));
  for (const stream of streams) {
    const text = await stream.until(id, 1_000);
    expect(text.split(id).length - 1).toBeLessThanOrEqual(2);
    stream.close();
  }
});

test('an event comes whole; who comes back gets what came meanwhile, and is told to read again', async () => {
  const first = await open();
  const seen = await recordEvent(app.db.kysely, happening);
  const text = await first.until(seen, 1_000);
  expect(text).toContain(`id: ${seen}\ndata: {"kind":"event","id":"${seen}","event":{`);
  first.close();
  const missed = await recordEvent(app.db.kysely, { ...happening, params: { n: 2 } });
  const second = await open({ 'last-event-id': seen });
  const later = await second.until('"kind":"reload"', 1_000);
  expect(later).toContain(`id: ${missed}`);
  expect(later).not.toContain(`id: ${seen}`);
  second.close();
});

test('an event of a transaction that was rolled back is not told', async () => {
  const stream = await open();
  let lost = '';
  await app.db
    .transaction(async (tx) => {
      lost = await recordEvent(tx, happening);
      throw new Error('stop');
    })
    .catch(() => undefined);
  const told = await recordEvent(app.db.kysely, happening);
  expect(await stream.until(told)).not.toContain(lost);
  stream.close();
});

test('events are listed newest first, page by page', async () => {
  for (let n = 0; n < 5; n += 1) await recordEvent(app.db.kysely, { ...happening, params: { n } });
  const first = await app.ask('GET', '/api/v1/events?limit=3');
  const items = first.body['items'] as { id: string }[];
  expect(items.map(({ id }) => id)).toEqual(
    items
      .map(({ id }) => id)
      .toSorted()
      .toReversed(),
  );
  const rest = await app.ask('GET', `/api/v1/events?limit=500&before=${String(first.body['next'])}`);
  expect(rest.body['next']).toBe(null);
  expect((rest.body['items'] as { id: string }[])[0]?.id).not.toBe(items.at(-1)?.id);
});
