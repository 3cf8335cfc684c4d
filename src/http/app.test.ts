import { readFile } from 'node:fs/promises';
import Type from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WherryError } from '../model/errors.ts';
import { keepAnswerWithin } from './idempotency.ts';
import type { Routes } from './routes.ts';
import { createTestApp, type TestApp } from './testing.ts';

let happened = 0;
let failNext = false;
const Thing = Type.Object({ n: Type.Integer() }, { additionalProperties: false });

const described = (operationId: string) => ({ operationId, body: Thing, response: { 201: Thing } });

/** A subject that only tests have. */
const things: Routes = {
  schemas: { Thing },
  register: (app, { db }) => {
    const config = { permission: 'operator' } as const;
    app.post('/things', { config, schema: described('createThing') }, async (request, reply) => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      if (failNext) {
        failNext = false;
        throw new Error('the disk of the database password=hunter2 is full');
      }
      happened += 1;
      return reply.code(201).send({ n: request.body.n + happened });
    });
    app.post('/exact', { config, schema: described('createExactly') }, async (request, reply) => {
      const answer = { n: request.body.n };
      await db.transaction(async (tx) => {
        happened += 1;
        await keepAnswerWithin(tx, request, 201, answer);
      });
      if (answer.n === 7) throw new WherryError('server.stopping'); // killed between commit and answer
      return reply.code(201).send(answer);
    });
    app.post(
      '/worker/things',
      { config: { permission: 'worker' }, schema: described('workerThing') },
      async (request, reply) => reply.code(201).send(request.body),
    );
  },
};

let app: TestApp;
beforeAll(async () => {
  app = await createTestApp([things]);
});
afterAll(() => app.close());

describe('every route', () => {
  test('declares who may use it', async () => {
    expect(app.routes.length).toBeGreaterThan(15);
    expect(app.routes.filter(({ config }) => config.permission === undefined)).toEqual([]);
    const forgetful: Routes = { schemas: {}, register: (one) => void one.get('/free', async () => 'hello') };
    await expect(createTestApp([forgetful])).rejects.toThrow('/api/v1/free does not declare who may use it');
  });

  test('has a name of its own, and a summary', () => {
    const ids = app.routes
      .filter(({ method, config }) => method !== 'HEAD' && config.hidden !== true)
      .map(({ schema }) => schema.operationId);
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test.each(['/api/v1/tokens', '/api/v1/events', '/api/v1/events/stream', '/api/v1/setup-token'])(
    '%s is closed to strangers',
    async (url) => {
      const answer = await app.ask('GET', url, { local: false });
      expect(answer).toMatchObject({ status: 401, body: { code: 'auth.required' } });
    },
  );
});

describe('what is refused', () => {
  test.each([
    ['GET', '/api/v1/nowhere', undefined, 404, 'request.no_route'],
    ['PUT', '/api/v1/tokens', undefined, 405, 'request.method'],
    ['POST', '/api/v1/tokens', { name: '', role: 'viewer' }, 400, 'request.invalid'],
    ['POST', '/api/v1/tokens', { name: 'x', role: 'king' }, 400, 'request.invalid'],
    ['POST', '/api/v1/tokens', { name: 'x', role: 'viewer', more: 1 }, 400, 'request.invalid'],
    ['POST', '/api/v1/tokens', { name: 'x'.repeat(2 ** 21), role: 'viewer' }, 413, 'request.too_large'],
    ['DELETE', '/api/v1/tokens/01890000-0000-7000-8000-000000000000', undefined, 404, 'request.not_found'],
    ['GET', '/api/v1/events?limit=many', undefined, 400, 'request.invalid'],
  ] as const)('%s %s is a problem document', async (method, url, body, status, code) => {
    const answer = await app.ask(method, url, { body });
    expect(answer).toMatchObject({ status, body: { status, code } });
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.body['next']).not.toBe('');
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
  });

  test('names the field that is wrong, and what is allowed there', async () => {
    const { body } = await app.ask('POST', '/api/v1/tokens', { body: { name: 'x', role: 'king' } });
    expect(body['title']).toContain('body/role');
    expect(body['title']).toContain('administrator');
  });

  test('is text that is no JSON, and other types of body', async () => {
    const headers = { 'content-type': 'application/json' };
    const broken = await app.ask('POST', '/api/v1/tokens', { body: '{"name":', headers });
    expect(broken).toMatchObject({ status: 400, body: { code: 'request.invalid' } });
    const other = await app.ask('POST', '/api/v1/tokens', { body: '<a/>', headers: { 'content-type': 'text/xml' } });
    expect(other).toMatchObject({ status: 415, body: { code: 'request.media_type' } });
  });

  test.each([
    ['that is too long', `/api/v1/tokens/${'x'.repeat(300)}`],
    ['that cannot be decoded', '/api/v1/tokens/%ff?signature=kanarie'],
  ])('with a name in its path %s is a problem like any other', async (_, path) => {
    const answer = await app.ask('DELETE', path);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'request.invalid', instance: expect.any(String) });
    expect(answer.text).not.toContain('kanarie');
    expect(answer.text.length).toBeLessThan(1_000);
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
  });

  test('says nothing of what went wrong inside', async () => {
    failNext = true;
    const answer = await app.ask('POST', '/api/v1/things', { body: { n: 1 } });
    expect(answer).toMatchObject({ status: 500, body: { code: 'internal', causes: [] } });
    expect(answer.text).not.toContain('hunter2');
  });
});

const key = (name: string) => ({ 'idempotency-key': name });
const post = (path: string, name: string, body: unknown) => () =>
  app.ask('POST', `/api/v1/${path}`, { body, headers: key(name) });

describe('a POST', () => {
  test('needs a key, but not from a worker', async () => {
    const answer = await app.ask('POST', '/api/v1/things', { body: { n: 1 }, headers: key('') });
    expect(answer).toMatchObject({ status: 400, body: { code: 'request.idempotency_key' } });
    const worker = await app.ask('POST', '/api/v1/worker/things', { body: { n: 1 }, headers: key('') });
    expect(worker.status).toBe(201);
  });

  test('that is sent twice happens once, also at the same moment', async () => {
    const before = happened;
    const send = post('things', 'twice', { n: 5 });
    const [one, two] = await Promise.all([send(), send()]);
    const three = await send();
    expect(happened).toBe(before + 1);
    expect([one.status, two.status, three.status]).toEqual([201, 201, 201]);
    expect(two.body).toEqual(one.body);
    expect(three.body).toEqual(one.body);
    expect(three.headers['idempotency-replayed']).toBe('true');
  });

  test('with the key of another request is refused', async () => {
    await app.ask('POST', '/api/v1/things', { body: { n: 1 }, headers: key('mine') });
    const other = await app.ask('POST', '/api/v1/things', { body: { n: 2 }, headers: key('mine') });
    expect(other).toMatchObject({ status: 422, body: { code: 'request.idempotency_mismatch' } });
  });

  test('that failed on our side may be sent again', async () => {
    const send = post('things', 'again', { n: 1 });
    failNext = true;
    expect((await send()).status).toBe(500);
    expect((await send()).status).toBe(201);
  });

  test('whose answer was lost after the commit is answered from the transaction', async () => {
    const before = happened;
    const send = post('exact', 'exact', { n: 7 });
    expect((await send()).status).toBe(503);
    expect(await send()).toMatchObject({ status: 201, body: { n: 7 } });
    expect(happened).toBe(before + 1);
  });

  test('whose answer holds a secret gives it once', async () => {
    const send = post('tokens', 'secret', { name: 'once', role: 'viewer' });
    const first = await send();
    expect(first.status).toBe(201);
    expect(await send()).toMatchObject({ status: 409, body: { code: 'request.secret_answer' } });
    const { rows } = await app.db.pool.query('select * from idempotency_key');
    expect(JSON.stringify(rows)).not.toContain(String(first.body['token']));
  });
});

describe('the API’s description', () => {
  test('is made from the routes, with named schemas shown once', async () => {
    const shown: unknown = JSON.parse((await app.ask('GET', '/api/openapi.json')).text);
    expect(shown).toMatchObject({
      openapi: '3.1.0',
      paths: { '/api/v1/things': { post: { operationId: 'createThing' } } },
    });
    expect(JSON.stringify(shown)).toContain('"$ref":"#/components/schemas/Thing"');
  });

  test('can be read as a page without scripts', async () => {
    const page = await app.ask('GET', '/api/docs', { local: false });
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    for (const word of ['/api/v1/things', 'createThing', 'request.idempotency_mismatch'])
      expect(page.text).toContain(word);
    expect(page.text).not.toContain('<script');
  });
});

describe('health', () => {
  test('tells the version of the database', async () => {
    const { body } = await app.ask('GET', '/healthz', { local: false });
    expect(body).toMatchObject({ status: 'ok', database: { version: expect.stringMatching(/^1[5-9]/) } });
  });

  test('and metrics are for this machine, not for a proxy’s guests', async () => {
    expect((await app.ask('GET', '/metrics', { local: false })).text).toContain('wherry_database_connections');
    const headers = { 'x-forwarded-for': '192.0.2.1' };
    expect((await app.ask('GET', '/metrics', { local: false, headers })).status).toBe(401);
  });

  test('is a problem when the database does not answer', async () => {
    const broken = await createTestApp();
    await broken.db.close();
    expect(await broken.ask('GET', '/healthz')).toMatchObject({
      status: 503,
      body: { code: 'server.database_unreachable' },
    });
    await broken.close();
  });
});

test('a console that is not built says how to build it, and hides nothing else', async () => {
  const own = (await readFile('package.json', 'utf8')).slice(0, 40);
  const page = await app.ask('GET', '/migrations/1', { local: false });
  expect(page.text).toContain('script/setup');
  for (const url of [
    '/api/v1/x',
    '/api',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/assets/x.js',
    '/..%2f..%2fpackage.json',
  ]) {
    const answer = await app.ask('GET', url, { local: false });
    expect(answer.text).not.toContain(own);
  }
  for (const url of ['/api/v1/x', '/api', '/assets/x.js']) {
    expect((await app.ask('GET', url, { local: false })).status).toBe(404);
  }
});

test.each([
  [Object.assign(new Error('connect ENOENT /run/.s.PGSQL.5432'), { code: 'ENOENT', syscall: 'connect' }), 503],
  [Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' }), 503],
  [Object.assign(new Error('terminating connection'), { code: '57P01', severity: 'FATAL' }), 503],
  [Object.assign(new Error('ENOENT: no such file, open /x'), { code: 'ENOENT', syscall: 'open' }), 500],
  [Object.assign(new Error('EPIPE'), { code: 'EPIPE' }), 500],
])('of the errors that a database that is away brings and others, %s is answered with %i', async (thrown, status) => {
  const failing: Routes = {
    schemas: {},
    register: (routes) => {
      const schema = { operationId: 'fail', summary: 'Fails', tags: ['test'] };
      routes.get('/fail', { config: { permission: 'public' }, schema }, () => Promise.reject(thrown));
    },
  };
  const broken = await createTestApp([failing]);
  try {
    expect((await broken.ask('GET', '/api/v1/fail')).status).toBe(status);
  } finally {
    await broken.close();
  }
});
