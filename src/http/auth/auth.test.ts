import { stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { newId } from '../../model/ids.ts';
import { createTestApp, type TestApp } from '../testing.ts';
import { addAccount } from './auth-store.ts';
import { checkPassword, hashPassword } from './secrets.ts';
import { ensureSetupToken } from './setup-store.ts';
import { createThrottle } from './throttle.ts';

const password = 'correct horse battery';
const remote = { local: false } as const;
const origin = { origin: 'http://wherry.test' };

let app: TestApp;
beforeAll(async () => {
  app = await createTestApp();
});
afterAll(() => app.close());

async function signIn(user = 'anna', secret = password): Promise<string> {
  const answer = await app.ask('POST', '/api/v1/session', { ...remote, body: { user, password: secret } });
  expect(answer.status).toBe(201);
  return String(answer.headers['set-cookie']).split(';')[0] ?? '';
}

const setUp = (token: string) => ({ ...remote, body: { token, user: 'anna', password } });

describe('the first administrator', () => {
  test('is made with the token that the server prints, which works once', async () => {
    const token = (await ensureSetupToken(app.db, app.setupTokenFile)) ?? '';
    expect(await ensureSetupToken(app.db, app.setupTokenFile)).toBe(token);
    expect((await stat(app.setupTokenFile)).mode & 0o777).toBe(0o600);
    expect((await app.ask('GET', '/api/v1/session', remote)).body).toMatchObject({
      signedIn: false,
      setupNeeded: true,
    });

    const wrong = await app.ask('POST', '/api/v1/setup', setUp(`${token}x`));
    expect(wrong).toMatchObject({ status: 403, body: { code: 'auth.setup_token' } });
    const both = await Promise.all([1, 2].map(() => app.ask('POST', '/api/v1/setup', setUp(token))));
    expect(both.map(({ status }) => status).toSorted((x, y) => x - y)).toEqual([201, 409]);
    const again = await app.ask('POST', '/api/v1/setup', setUp(token));
    expect(again).toMatchObject({ status: 409, body: { code: 'auth.setup_done' } });
    await expect(stat(app.setupTokenFile)).rejects.toThrow('ENOENT');
    expect(await ensureSetupToken(app.db, app.setupTokenFile)).toBe(null);
    const { rows } = await app.db.pool.query('select * from setup_token, user_account');
    expect(JSON.stringify(rows)).not.toContain(token);
    expect(JSON.stringify(rows)).not.toContain(password);
  });
});

describe('a session', () => {
  test('is a cookie that scripts cannot read, and ends when one signs out', async () => {
    const answer = await app.ask('POST', '/api/v1/session', { ...remote, body: { user: 'ANNA', password } });
    expect(String(answer.headers['set-cookie'])).toMatch(
      /^wherry_session=wherry_session_\S+; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    const cookie = String(answer.headers['set-cookie']).split(';')[0] ?? '';
    const who = await app.ask('GET', '/api/v1/session', { ...remote, headers: { cookie } });
    expect(who.body).toMatchObject({ signedIn: true, name: 'anna', role: 'administrator', setupNeeded: false });
    await app.ask('DELETE', '/api/v1/session', { ...remote, headers: { cookie, ...origin } });
    expect((await app.ask('GET', '/api/v1/tokens', { ...remote, headers: { cookie } })).status).toBe(401);
  });

  test('is Secure behind TLS', async () => {
    const headers = { 'x-forwarded-proto': 'https' };
    const answer = await app.ask('POST', '/api/v1/session', { ...remote, headers, body: { user: 'anna', password } });
    expect(String(answer.headers['set-cookie'])).toContain('Secure');
  });

  test('ends after its time', async () => {
    const cookie = await signIn();
    await app.db.pool.query(`update session set expires_at = now() - interval '1 second'`);
    expect((await app.ask('GET', '/api/v1/tokens', { ...remote, headers: { cookie } })).status).toBe(401);
  });

  test.each([
    ['no origin', {}, 403],
    ['another site', { origin: 'https://evil.example' }, 403],
    ['a null origin', { origin: 'null' }, 403],
    ['our own page', origin, 201],
  ])('writes from %s: %o → %i', async (_from, headers, status) => {
    const cookie = await signIn();
    const body = { name: 'x', role: 'viewer' };
    const answer = await app.ask('POST', '/api/v1/tokens', { ...remote, headers: { cookie, ...headers }, body });
    expect(answer.status).toBe(status);
  });

  test('cannot be opened by another site', async () => {
    const headers = { origin: 'https://evil.example' };
    const answer = await app.ask('POST', '/api/v1/session', { ...remote, headers, body: { user: 'anna', password } });
    expect(answer).toMatchObject({ status: 403, body: { code: 'auth.origin' } });
  });
});

describe('guessing', () => {
  test('gets slow after five failures, for this name from this address only', async () => {
    const name = `berta-${newId()}`;
    await addAccount(app.db.kysely, name, 'viewer', await hashPassword(password));
    // A guess may take longer than the first wait on a busy machine: time stands still.
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const guess = (user: string) =>
      app.ask('POST', '/api/v1/session', { ...remote, body: { user, password: 'wrong' } });
    const codes: unknown[] = [];
    for (let n = 0; n < 7; n += 1) codes.push((await guess(name)).body['code']);
    expect(codes).toEqual([...Array<string>(5).fill('auth.failed'), 'auth.throttled', 'auth.throttled']);
    expect(Number((await guess(name)).headers['retry-after'])).toBeGreaterThan(0);
    await signIn('anna');
  });

  test('waits longer each time, is forgotten on success, and never locks for good', () => {
    let now = 0;
    const throttle = createThrottle(() => now);
    const waits = Array.from({ length: 14 }, () => {
      throttle.failed('a');
      return throttle.waitSeconds('a');
    });
    expect(waits).toEqual([0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    now += 300_000;
    expect(throttle.waitSeconds('a')).toBe(0);
    throttle.succeeded('a');
    throttle.failed('a');
    expect(throttle.waitSeconds('a')).toBe(0);
  });

  test('an unknown name takes as long as a known one, and is no different', async () => {
    const stored = await hashPassword('secret one');
    expect(await checkPassword('secret one', stored)).toBe(true);
    expect(await checkPassword('secret two', stored)).toBe(false);
    expect(await checkPassword('', null)).toBe(false);
    expect(await hashPassword('secret one')).not.toBe(stored);
    const unknown = await app.ask('POST', '/api/v1/session', {
      ...remote,
      body: { user: 'nobody', password: 'wrong' },
    });
    expect(unknown).toMatchObject({ status: 401, body: { code: 'auth.failed' } });
  });
});

const make = async (path: string, body: unknown) =>
  (await app.ask('POST', path, { body })).body as { id: string; token: string; prefix: string };
const bearer = (token: string) => ({ ...remote, headers: { authorization: `Bearer ${token}` } });

describe('a token', () => {
  test('may do what its role may, until it is deleted', async () => {
    const viewer = await make('/api/v1/tokens', { name: 'reader', role: 'viewer' });
    expect(viewer.token.startsWith(viewer.prefix)).toBe(true);
    expect(viewer.prefix.length).toBeLessThan(16);
    expect((await app.ask('GET', '/api/v1/events', bearer(viewer.token))).status).toBe(200);
    const refused = await app.ask('GET', '/api/v1/tokens', bearer(viewer.token));
    expect(refused).toMatchObject({ status: 403, body: { code: 'auth.forbidden', params: { role: 'administrator' } } });
    const list = await app.ask('GET', '/api/v1/tokens');
    expect(list.text).toContain('reader');
    expect(list.text).not.toContain(viewer.token);
    expect((await app.ask('DELETE', `/api/v1/tokens/${viewer.id}`)).status).toBe(204);
    const ended = await app.ask('GET', '/api/v1/events', bearer(viewer.token));
    expect(ended).toMatchObject({ status: 401, body: { code: 'auth.bad_token' } });
  });

  test('of a worker opens the worker’s routes and no others', async () => {
    const { token } = await make('/api/v1/worker-tokens', { name: 'far away' });
    expect((await app.ask('GET', '/api/v1/events', bearer(token))).status).toBe(403);
    expect((await app.ask('GET', '/api/v1/session', bearer(token))).body).toMatchObject({
      name: 'worker far away',
      role: null,
    });
  });
});
