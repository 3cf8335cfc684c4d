/** Providers as the API and workers see them: secrets, states, who watches, who may. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { InventoryVmView, ProviderCheck, ProviderView } from './api.ts';
import { aVm } from './testing/objects.ts';
import { gone, type InventoryServer, put, snapshot, startInventoryServer, synced } from './testing/server.ts';

let server: InventoryServer;
type Worker = Awaited<ReturnType<InventoryServer['worker']>>;
let worker: Worker;
beforeAll(async () => {
  server = await startInventoryServer({ moveAfterMs: 1_500 });
  worker = await server.worker();
});
afterAll(() => server.close());

const vcenter = {
  type: 'vsphere',
  url: 'https://vcenter.example',
  username: 'reader',
  trust: { kind: 'pinned', sha256: 'a'.repeat(64) },
} as const;
const wait = { timeout: 40_000 };

async function status(method: 'POST' | 'PATCH' | 'DELETE', url: string, body: object): Promise<[number, unknown]> {
  const answer = await server.app.ask(method, `/api/v1${url}`, { body });
  return [answer.status, answer.body['code']];
}

test('a name is taken once, whatever its case, and free again when its provider is removed', async () => {
  const made = await server.add('Store');
  const again = { name: 'STORE', account: { type: 'ova', location: '/srv' }, check: false };
  expect(await status('POST', '/providers', again)).toEqual([409, 'provider.name_taken']);
  await server.app.ask('DELETE', `/api/v1/providers/${made.id}`);
  expect((await status('POST', '/providers', again))[0]).toBe(201);
});

test('secrets are taken by name, shown by name, handed to the worker that watches, and to nobody else', async () => {
  const wrong = { name: 'v', account: vcenter, secrets: { privateKey: 'x' }, check: false };
  expect(await status('POST', '/providers', wrong)).toEqual([422, 'provider.secret_unknown']);
  const inUrl = { ...wrong, account: { ...vcenter, url: 'https://me:secret@vcenter.example' }, secrets: {} };
  expect(await status('POST', '/providers', inUrl)).toEqual([422, 'provider.setting_wrong']);
  const view = await server.add('v', { account: vcenter, secrets: { password: 'canary-one' } });
  expect(view.secrets).toEqual(['password']);
  expect(JSON.stringify(view)).not.toContain('canary-one');
  const watch = await worker.begin(view.id);
  expect(watch.secrets).toEqual({ password: 'canary-one' });
  const stranger = await server.worker('stranger');
  const { workerId, bootId } = stranger;
  expect((await stranger.post('watch', { workerId, bootId, token: watch.token })).status).toBe(410);
});

test('a new address asks for the secrets again; a new password begins the watch anew', async () => {
  const view = await server.add('moving', { account: vcenter, secrets: { password: 'old' } });
  const watch = await worker.begin(view.id);
  const elsewhere = { account: { ...vcenter, url: 'https://elsewhere.example' } };
  expect(await status('PATCH', `/providers/${view.id}`, elsewhere)).toEqual([422, 'provider.secret_again']);
  expect((await watch.send(snapshot('s-moving'))).status).toBe(200); // nothing has changed
  const given = { ...elsewhere, secrets: { password: 'new' } };
  expect((await status('PATCH', `/providers/${view.id}`, given))[0]).toBe(200);
  expect((await watch.send(synced)).status).toBe(410);
  const anew = await worker.begin(view.id);
  expect(anew).toMatchObject({ secrets: { password: 'new' }, account: { url: 'https://elsewhere.example' } });
  expect(await status('PATCH', `/providers/${view.id}`, { account: { type: 'ova', location: '/' } })).toEqual([
    422,
    'provider.setting_wrong',
  ]);
});

test('a new name alone, as the console sends it, leaves its watch and a refused password alone', async () => {
  const view = await server.add('misnamed', { account: vcenter, secrets: { password: 'x' } });
  const watch = await worker.begin(view.id);
  const rename = (name: string) => status('PATCH', `/providers/${view.id}`, { name, secrets: {}, via: null });
  expect((await rename('named'))[0]).toBe(200);
  expect((await watch.send(snapshot('s-named'))).status).toBe(200);
  const params = { system: vcenter.url, user: 'reader' };
  await watch.watching('stopped', { code: 'provider.sign_in_refused', params, causes: [] });
  expect((await rename('named again'))[0]).toBe(200);
  expect(await server.provider(view.id)).toMatchObject({ name: 'named again', state: 'stopped' });
  expect((await status('PATCH', `/providers/${view.id}`, { secrets: { password: 'y' } }))[0]).toBe(200);
  expect(await worker.begin(view.id)).toMatchObject({ secrets: { password: 'y' } }); // the control
});

test('a changed certificate stops it with old and new shown, and trusting the new one lets it go on', async () => {
  const view = await server.add('renewed', { account: vcenter, secrets: { password: 'x' } });
  const watch = await worker.begin(view.id);
  const params = { system: vcenter.url, trusted: 'a'.repeat(64), shown: 'b'.repeat(64) };
  await watch.watching('stopped', { code: 'provider.certificate_changed', params, causes: [] });
  const stopped = await server.provider(view.id);
  expect(stopped).toMatchObject({ state: 'stopped', error: { params } });
  expect((await worker.watches()).map(({ providerId }) => providerId)).not.toContain(view.id);
  await server.ask('POST', `/providers/${view.id}/trust`, { body: { fingerprint: params.shown } });
  const anew = await worker.begin(view.id);
  expect(anew.account).toMatchObject({ trust: { kind: 'pinned', sha256: params.shown } });
  expect(await server.provider(view.id)).toMatchObject({ state: 'connecting', error: null });
  const hostKey = { fingerprint: `SHA256:${'A'.repeat(43)}` };
  expect(await status('POST', `/providers/${view.id}/trust`, hostKey)).toEqual([422, 'provider.setting_wrong']);
});

test('a password that was refused once is not tried again by whoever looks at a VM', async () => {
  await worker.hello();
  const view = await server.add('locked', { account: vcenter, secrets: { password: 'old' }, via: worker.workerId });
  const watch = await worker.begin(view.id);
  const summary = aVm('vm-1', { detail: 'summary' });
  await watch.send(snapshot('s-locked'), put(summary, aVm('vm-2', { detail: 'summary' })), synced);
  const { items } = await server.ask<{ items: { id: string }[] }>('GET', `/providers/${view.id}/objects?kind=vm`);
  const look = (index: number) => server.ask<{ detailError: object }>('GET', `/inventory/vms/${items[index]?.id}`);
  const first = look(0);
  const call = await nextCall();
  const params = { system: vcenter.url, user: 'reader' };
  const error = { code: 'provider.sign_in_refused', params, causes: [] };
  await worker.post('answer', { callId: call.id, result: null, error });
  expect(await first).toMatchObject({ detailError: { code: 'provider.sign_in_refused' } });
  expect(await server.provider(view.id)).toMatchObject({
    state: 'stopped',
    error: { code: 'provider.sign_in_refused' },
  });
  expect((await watch.send(synced)).status).toBe(410); // its session is of the old password: it ends as well
  for (const index of [0, 1]) expect(await look(index)).toMatchObject({ detailError: { params } });
  expect((await worker.commands()).calls).toEqual([]);
});

test('what the watch tells of a VM while that is read by itself is newer, and stays', async () => {
  await worker.hello();
  const view = await server.add('racing', { via: worker.workerId });
  const watch = await worker.begin(view.id);
  const summaries = ['seen', 'left', 'kept'].map((ref) => aVm(ref, { detail: 'summary' }));
  await watch.send(snapshot('s-racing'), put(...summaries), synced);
  const { items } = await server.ask<{ items: { id: string; ref: string }[] }>(
    'GET',
    `/providers/${view.id}/objects?kind=vm`,
  );
  const look = async (ref: string, ...meanwhile: readonly object[]): Promise<InventoryVmView> => {
    const path = `/inventory/vms/${items.find((one) => one.ref === ref)?.id}`;
    const looking = server.ask<InventoryVmView>('GET', path);
    const call = await nextCall();
    expect((await watch.send(...meanwhile)).status).toBe(200);
    await worker.post('answer', { callId: call.id, result: aVm(ref, { power: 'off', cpus: 2 }), error: null });
    return looking;
  };
  expect(await look('seen', put(aVm('seen', { power: 'on', cpus: 4 })))).toMatchObject({
    vm: { power: 'on', cpus: 4 },
  });
  expect(await look('left', gone({ kind: 'vm', ref: 'left' }))).toMatchObject({ goneAt: expect.any(String) });
  expect(await look('kept')).toMatchObject({ goneAt: null, vm: { detail: 'full', cpus: 2 } }); // the control
});

test('where one worker cannot reach a provider another is tried, and it stops when none is left', async () => {
  const other = await server.worker('able');
  await worker.hello();
  const view = await server.add('picky');
  const error = { code: 'provider.unsupported_here', params: { system: 'test', why: 'no ssh' }, causes: [] };
  const tried = new Set<string>();
  const all = new Map([worker, other].map((one) => [one.workerId, one]));
  for (let turn = 0; turn < all.size; turn += 1) {
    let owner: Worker | undefined;
    await expect
      .poll(async () => {
        for (const one of all.values()) await one.hello();
        owner = all.get((await server.provider(view.id)).worker?.id ?? ''); // others are silent by now
        return owner !== undefined && !tried.has(owner.workerId);
      }, wait)
      .toBe(true);
    if (owner === undefined) throw new Error('nobody watches it');
    tried.add(owner.workerId);
    await (await owner.begin(view.id)).watching('stopped', error);
  }
  expect([...tried].toSorted()).toEqual([...all.keys()].toSorted());
  const now = async (): Promise<ProviderView> => server.provider(view.id);
  await expect.poll(now, wait).toMatchObject({ state: 'stopped', error: { code: 'provider.unsupported_here' } });
  await server.ask('POST', `/providers/${view.id}/refresh`);
  await expect.poll(async () => (await now()).worker, wait).not.toBeNull();
});

test('what passes is tried again, told once, and shown with its time', async () => {
  const view = await server.add('away', { account: vcenter, secrets: { password: 'x' } });
  const watch = await worker.begin(view.id);
  const error = { code: 'provider.unreachable', params: { system: vcenter.url }, causes: ['ECONNREFUSED'] };
  await watch.watching('retrying', error, 60_000);
  const now = await server.provider(view.id);
  expect(now).toMatchObject({ state: 'retrying', error: { code: 'provider.unreachable' } });
  expect(Date.parse(now.retryAt ?? '')).toBeGreaterThan(Date.now() + 10_000);
  await worker.begin(view.id);
  await watch.watching('retrying', error, 60_000);
  const { items } = await server.ask<{ items: { code: string; params: { providerId?: string } }[] }>('GET', '/events');
  const told = items.filter(({ code, params }) => code === 'provider.retrying' && params.providerId === view.id);
  expect(told).toHaveLength(1);
});

test('a worker that must be used and is silent is named; when it comes back it goes on', async () => {
  const far = await server.worker('far');
  const view = await server.add('distant', { via: far.workerId });
  await far.begin(view.id);
  expect(await server.provider(view.id)).toMatchObject({ via: { name: 'far' }, worker: { name: 'far', alive: true } });
  const isGone = async (): Promise<unknown> => (await server.provider(view.id)).error?.code;
  await expect.poll(isGone, wait).toBe('provider.no_worker');
  const { error } = await server.provider(view.id);
  expect(error?.message).toContain('far has not been heard of since');
  await far.hello();
  const watch = await far.begin(view.id);
  await watch.send(snapshot('s-distant'), put(aVm('vm-1')), synced);
  expect(await server.provider(view.id)).toMatchObject({ state: 'following', error: null });
});

test('a watch moves to another worker when its own is silent for long, and the old one is refused', async () => {
  const other = await server.worker('other');
  const view = await server.add('wandering');
  const owner = async (): Promise<string | undefined> => (await server.provider(view.id)).worker?.id;
  const first = (await owner()) === other.workerId ? other : worker;
  const second = first === other ? worker : other;
  const watch = await first.begin(view.id);
  await expect
    .poll(async () => {
      await second.hello();
      return owner();
    }, wait)
    .toBe(second.workerId);
  expect((await watch.send(snapshot('s-wandering'))).status).toBe(410);
  await worker.hello();
  expect((await (await second.begin(view.id)).send(snapshot('s-wandering'))).status).toBe(200);
});

test('a check is asked of a worker with its secrets, and what it finds is kept', async () => {
  await worker.hello();
  const view = await server.add('checked', {
    account: vcenter,
    secrets: { password: 'canary-two' },
    via: worker.workerId,
  });
  const found: ProviderCheck = {
    rows: [{ what: 'sign-in', ok: true, detail: '', fix: '' }],
    ok: true,
    product: 'vCenter 8',
    version: '8.0.3',
    certificate: null,
    role: '',
  };
  const checking = server.ask<ProviderCheck>('POST', `/providers/${view.id}/check`);
  const call = await nextCall();
  expect(call).toMatchObject({
    method: 'checkProvider',
    secrets: { password: 'canary-two' },
    params: { account: vcenter },
  });
  const { rows } = await server.db.pool.query('select * from worker_call');
  expect(rows).toHaveLength(1);
  expect(JSON.stringify(rows)).not.toContain('canary-two');
  await worker.post('answer', { callId: call.id, result: found, error: null });
  expect(await checking).toEqual(found);
  expect(await server.provider(view.id)).toMatchObject({ lastCheck: found, version: '8.0.3' });
});

test('a provider whose check fails is not saved, unless that is asked for', async () => {
  await worker.hello();
  const body = { name: 'bad', account: vcenter, secrets: { password: 'x' }, via: worker.workerId };
  const making = status('POST', '/providers', body);
  const call = await nextCall();
  const rows = [{ what: 'sign-in', ok: false, detail: 'refused', fix: 'correct it' }];
  const result = { rows, ok: false, product: '', version: '', certificate: null, role: '' };
  await worker.post('answer', { callId: call.id, result, error: null });
  expect(await making).toEqual([422, 'provider.check_failed']);
  const { items } = await server.ask<{ items: ProviderView[] }>('GET', '/providers');
  expect(items.map(({ name }) => name)).not.toContain('bad');
});

test('whoever may only look can neither add nor remove nor see secrets', async () => {
  const { token } = await server.ask<{ token: string }>('POST', '/tokens', { body: { name: 'eyes', role: 'viewer' } });
  const headers = { authorization: `Bearer ${token}` };
  const asViewer = { headers, local: false };
  expect((await server.app.ask('GET', '/api/v1/providers', asViewer)).status).toBe(200);
  const body = { name: 'x', account: vcenter, check: false };
  expect((await server.app.ask('POST', '/api/v1/providers', { ...asViewer, body })).status).toBe(403);
  expect((await server.app.ask('POST', '/api/v1/secrets/rotate', { ...asViewer, body: {} })).status).toBe(403);
  expect((await server.app.ask('POST', '/api/v1/worker/watch', { ...asViewer, body: {} })).status).toBe(403);
});

test('an operator lets no worker ask an address or a directory that no administrator has added', async () => {
  const { token } = await server.ask<{ token: string }>('POST', '/tokens', {
    body: { name: 'hands', role: 'operator' },
  });
  const asOperator = { headers: { authorization: `Bearer ${token}` }, local: false };
  const account = { type: 'ova', location: '/etc' };
  for (const path of ['/providers/check', '/providers/browse', '/providers/browse-vm']) {
    const body = { account, ...(path.endsWith('vm') ? { ref: 'x' } : {}) };
    expect([path, (await server.app.ask('POST', `/api/v1${path}`, { ...asOperator, body })).status]).toEqual([
      path,
      403,
    ]);
  }
  const source = { type: 'web', url: 'http://169.254.169.254/x.ova' };
  const target = { type: 'files', directory: '/srv', format: 'raw', networks: {} };
  const options = { conversion: 'never', verify: 'full', power: 'as-source' };
  const vms = [{ source, vm: null, target, targetName: null, options }];
  for (const [path, body] of [
    ['/sources/list', { source }],
    ['/sources/describe', { source, vm: null }],
    ['/migrations', { vms }],
  ] as const) {
    const refused = await server.app.ask('POST', `/api/v1${path}`, { ...asOperator, body });
    expect([path, refused.status, refused.body['code']]).toEqual([path, 403, 'auth.forbidden']);
  }
  // One who may, or a provider that there is: nothing but that is missing.
  const named = { ...source, provider: crypto.randomUUID() };
  const body = { vms: [{ ...vms[0], source: named }] };
  expect((await server.app.ask('POST', '/api/v1/migrations', { ...asOperator, body })).body['code']).toBe(
    'provider.not_found',
  );
  expect((await server.app.ask('POST', '/api/v1/migrations', { body: { vms } })).status).toBe(201);
});

async function nextCall(): Promise<{ id: string; method: string; params: unknown; secrets: object }> {
  for (const until = Date.now() + 10_000; Date.now() < until; ) {
    const [call] = (await worker.commands()).calls;
    if (call !== undefined) return call;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('no call came');
}
