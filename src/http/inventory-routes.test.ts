/** Searches over HTTP: pages, exports, completion, saved filters, rules; only what live providers show. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createRuleBook, type RuleBook } from '../concerns/rule-book.ts';
import { productRules } from '../concerns/rules.ts';
import { startJudge } from '../inventory/judge.ts';
import type { RuleList, SavedFilter, VmPage } from '../inventory/search-api.ts';
import { addProvider, addVms, emptyDisk, emptyNic, vmObject } from '../inventory/search/testing.ts';
import { newId } from '../model/ids.ts';
import { inventoryRoutes } from './inventory-routes.ts';
import { createTestApp, type TestApp } from './testing.ts';

let app: TestApp;
let directory: string;
let rules: RuleBook;
let provider: { id: string; systemId: string };
const concern = { code: 'vmware.tpm.detected', severity: 'warning', params: { vm: 'x' } } as const;
const hostile = ['=1+1', '+cmd|x', '-2', '@x', '\t=1', ' =1', '＝1', 'a "b", c', "it's", 'zwei\nZeilen', 'Ärger'];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-inventory-routes-'));
  rules = createRuleBook(join(directory, 'rules.json'));
  app = await createTestApp([inventoryRoutes(rules)]);
  provider = await addProvider(app.db, 'vc1', 'vsphere');
  const other = await addProvider(app.db, 'vc2', 'vsphere');
  const removed = await addProvider(app.db, 'old', 'vsphere');
  const web = Array.from({ length: 25 }, (_, at) =>
    vmObject(`Web-${String(at).padStart(2, '0')}`, { memoryBytes: at % 3 }),
  );
  const odd = hostile.map((name) => vmObject(name, { tags: [name], nics: [{ ...emptyNic, network: 'VM Network' }] }));
  const all = [...web, ...odd].map((vm) => ({ id: newId(), vm, concerns: vm.name === 'Web-07' ? [concern] : [] }));
  await addVms(app.db, provider.systemId, all);
  const db1 = vmObject('db-1', { detail: 'full', disks: [emptyDisk] });
  await addVms(app.db, other.systemId, [{ id: newId(), vm: db1, concerns: [] }]);
  await addVms(app.db, removed.systemId, [{ id: newId(), vm: vmObject('Web-99'), concerns: [] }]);
  await app.db.kysely.updateTable('provider').set({ removed_at: new Date() }).where('id', '=', removed.id).execute();
});
afterAll(async () => {
  await app.close();
  await rm(directory, { recursive: true, force: true });
});

async function page(query: Record<string, string>): Promise<VmPage> {
  const answer = await app.ask('GET', `/api/v1/inventory/vms?${new URLSearchParams(query).toString()}`);
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return answer.body as VmPage;
}

async function names(query: Record<string, string>): Promise<string[]> {
  const found: string[] = [];
  let count = 0;
  for (let after: string | null = ''; after !== null; ) {
    const { items, total, next } = await page({ ...query, limit: '7', ...(after === '' ? {} : { after }) });
    found.push(...items.map(({ name }) => name));
    expect(total).toBeGreaterThanOrEqual(found.length);
    count = total;
    after = next;
  }
  expect(found).toHaveLength(count);
  return found;
}

test('pages follow each other, without a gap and without a repetition, in every order', async () => {
  const forward = await names({ filter: 'name ~ web-*' });
  expect(forward).toEqual(Array.from({ length: 25 }, (_, at) => `Web-${String(at).padStart(2, '0')}`));
  expect(await names({ filter: 'name ~ web-*', sort: '-name' })).toEqual(forward.toReversed());
  const byMemory = await names({ filter: 'name ~ web-*', sort: '-memory' });
  expect(byMemory.toSorted()).toEqual(forward);
  expect(byMemory.map((name) => Number(name.slice(-2)) % 3)).toEqual(
    byMemory.map((name) => Number(name.slice(-2)) % 3).toSorted((a, b) => b - a),
  );
  for (const sort of ['provider', '-host', 'folder', '-severity', 'disks.used', 'hostname', 'os', '-cpus']) {
    expect((await names({ sort })).toSorted()).toEqual((await names({})).toSorted());
  }
});

test('VMs of removed providers are not found; one provider may be asked for', async () => {
  expect(await names({ filter: 'web-99' })).toEqual([]);
  expect(await names({ provider: provider.id, filter: 'db' })).toEqual([]);
  expect(await names({ filter: 'provider = VC2' })).toEqual(['db-1']);
});

test('a row tells its provider, its place and its concerns', async () => {
  const { items, total } = await page({ filter: 'concern = vmware.tpm.detected' });
  expect(total).toBe(1);
  const found = { name: 'Web-07', severity: 'warning', concerns: ['vmware.tpm.detected'], ref: expect.any(String) };
  expect(items).toMatchObject([{ ...found, provider: { id: provider.id, name: 'vc1', type: 'vsphere' } }]);
});

test('what is wrong is said: filter, page, order', async () => {
  const wrong = await app.ask('GET', '/api/v1/inventory/vms?filter=nmae%20%3D%20x');
  expect(wrong.body).toMatchObject({ status: 400, code: 'search.filter_wrong', params: { position: 1 } });
  const { next } = await page({ limit: '1' });
  for (const query of [
    `after=${next}&sort=memory`,
    'after=nonsense',
    `after=${Buffer.from('["name",1,"x"]').toString('base64url')}`,
  ]) {
    expect((await app.ask('GET', `/api/v1/inventory/vms?${query}`)).body).toMatchObject({
      code: 'search.page_unknown',
    });
  }
});

test('an export as CSV is RFC 4180, and no cell of it is a formula', async () => {
  const { text, headers } = await app.ask('GET', '/api/v1/inventory/vms/export?format=csv&sort=name');
  expect(headers['content-disposition']).toContain('vms.csv');
  expect(text.split('\r\n')[0]).toContain('name,provider,power');
  const [titles = [], ...lines] = cellsOf(text);
  const rows = lines.map((cells) => Object.fromEntries(cells.map((cell, at) => [titles[at] ?? '', cell])));
  expect(rows).toHaveLength(25 + hostile.length + 1);
  for (const row of rows) for (const cell of Object.values(row)) expect(cell).not.toMatch(/^[\s]*[=+\-@＝]/);
  const told = rows.map(({ name = '' }) => name.replace(/^'/, ''));
  expect(told).toEqual(expect.arrayContaining(hostile));
});

test('an export as JSON is one list of the same rows as the pages', async () => {
  const { text } = await app.ask('GET', '/api/v1/inventory/vms/export?format=json&filter=web');
  expect((JSON.parse(text) as { name: string }[]).map(({ name }) => name)).toEqual(await names({ filter: 'web' }));
  expect(JSON.parse((await app.ask('GET', '/api/v1/inventory/vms/export?format=json&filter=nobody')).text)).toEqual([]);
});

const complete = async (filter: string): Promise<unknown> => {
  const { body } = await app.ask('POST', '/api/v1/inventory/vms/complete', {
    body: { filter, cursor: filter.length },
  });
  return (body as { suggestions: { text: string }[] }).suggestions.map((one) => one.text);
};

test('completion offers fields, and values that are stored', async () => {
  expect(await complete('disks.si')).toEqual(['disks.size']);
  expect(await complete('network = v')).toEqual(['"VM Network"']);
  expect(await complete('provider = ')).toEqual(['vc1', 'vc2']);
  expect(await complete('tag = ä')).toEqual([]);
  expect(await complete('tag ~ Ä')).toEqual(['Ärger']);
});

const check = async (filter: string): Promise<unknown> =>
  (await app.ask('POST', '/api/v1/inventory/vms/check-filter', { body: { filter } })).body;

test('a filter is checked without an error', async () => {
  expect(await check('power = on')).toEqual({ ok: true, problem: null });
  expect(await check('power = up')).toMatchObject({ ok: false, problem: { position: 9, length: 2, found: '"up"' } });
});

test('saved filters: own ones, shared ones, and nobody else’s', async () => {
  const path = '/api/v1/inventory/filters';
  const made = await app.ask('POST', path, { body: { name: 'Big', filter: 'disks.size > 1TiB' } });
  expect(made).toMatchObject({ status: 201, body: { name: 'Big', shared: false, own: true, owner: 'local' } });
  const { id } = made.body as SavedFilter;
  expect((await app.ask('POST', path, { body: { name: 'big', filter: '' } })).body).toMatchObject({
    code: 'search.filter_name_taken',
  });
  expect((await app.ask('POST', path, { body: { name: 'x', filter: 'nmae = 1' } })).body).toMatchObject({
    code: 'search.filter_wrong',
  });
  const token = await app.ask('POST', '/api/v1/tokens', { body: { name: 'ci', role: 'viewer' } });
  const headers = { authorization: `Bearer ${String(token.body['token'])}` };
  const asOther = { local: false, headers };
  expect((await app.ask('GET', path, asOther)).body).toEqual({ items: [] });
  expect((await app.ask('DELETE', `${path}/${id}`, asOther)).status).toBe(404);
  const shared = await app.ask('PUT', `${path}/${id}`, { body: { shared: true, name: 'Huge' } });
  expect(shared.body).toMatchObject({ name: 'Huge', shared: true, filter: 'disks.size > 1TiB' });
  expect((await app.ask('GET', path, asOther)).body).toMatchObject({ items: [{ id, own: false }] });
  const refused = await app.ask('PUT', `${path}/${id}`, { ...asOther, body: { filter: '' } });
  expect(refused).toMatchObject({ status: 403, body: { code: 'search.filter_not_yours' } });
  expect((await app.ask('DELETE', `${path}/${id}`)).status).toBe(204);
  expect((await app.ask('GET', path)).body).toEqual({ items: [] });
});

test('rules are listed; own ones are taken up by the clock, and VMs judged by them', async () => {
  const list = async (): Promise<RuleList> => (await app.ask('GET', '/api/v1/inventory/rules')).body as RuleList;
  expect((await list()).items).toHaveLength(productRules.rules.length);
  const problems: string[] = [];
  const judge = startJudge({
    db: app.db,
    rules,
    tickMs: 50,
    onProblem: (text) => problems.push(text),
    onError: (error) => problems.push(String(error)),
  });
  try {
    const own = { id: 'own.one', severity: 'critical', filter: 'name = db-1', text: '{vm}', fix: 'Mend it.' };
    await writeFile(rules.file, JSON.stringify({ rules: [own, { ...own, id: 'own.bad', filter: 'x = 1' }] }));
    await vi.waitFor(
      async () => expect(await names({ filter: 'concern = own.one and severity = critical' })).toEqual(['db-1']),
      20_000,
    );
    const { items, problems: listed } = await list();
    expect(items.find(({ id }) => id === 'own.one')).toMatchObject({ own: true, vms: 1, filter: 'name = db-1' });
    expect(listed).toEqual([expect.stringContaining('own.bad')]);
    expect(problems).toEqual(listed);
    await rm(rules.file);
    await vi.waitFor(async () => expect(await names({ filter: 'concern = own.one' })).toEqual([]), 20_000);
    // The product's rules have judged them by then, and say what they said before.
    expect(await names({ filter: 'concern = vmware.hostname.empty' })).toContain('db-1');
  } finally {
    await judge.stop();
  }
});

test('what changes around a VM is judged again', async () => {
  const host = {
    id: newId(),
    kind: 'host',
    identity: 'h',
    ref: 'host-1',
    name: 'esx1',
    parent_ref: null,
    snapshot_token: null,
  };
  const data = { version: '8', cpus: 1, memoryBytes: 1, connection: 'connected', maintenance: false, power: 'on' };
  const insert = app.db.kysely.insertInto('inventory_object');
  await insert.values({ ...host, system_id: provider.systemId, data: JSON.stringify(data) }).execute();
  const vm = vmObject('on-host', { hostRef: 'host-1', host: 'esx1' });
  await addVms(app.db, provider.systemId, [{ id: newId(), vm, concerns: [] }]);
  const errors: unknown[] = [];
  const judge = startJudge({
    db: app.db,
    rules,
    tickMs: 50,
    onProblem: () => undefined,
    onError: (error) => errors.push(error),
  });
  try {
    await app.db.kysely
      .updateTable('inventory_object')
      .set({ data: JSON.stringify({ ...data, maintenance: true }), changed_at: new Date(Date.now() + 1_000) })
      .where('id', '=', host.id)
      .execute();
    await vi.waitFor(
      async () => expect(await names({ filter: 'concern = vmware.host.maintenance' })).toEqual(['on-host']),
      20_000,
    );
    expect(errors).toEqual([]);
  } finally {
    await judge.stop();
  }
});

/** RFC 4180, read strictly. */
function cellsOf(text: string): string[][] {
  const lines: string[][] = [[]];
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    lines.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === '\r\n') lines.push([]);
  }
  return lines.slice(0, -1);
}
