import { copyFile, mkdir, mkdtemp, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildOva } from '../../../../test/fixtures/ova/build.ts';
import { createProviders } from '../../../wiring.ts';
import type { CheckResult, Connection, InventoryNews } from '../../provider.ts';
import { linksIn } from './links.ts';
import type { StoreReaders } from './read.ts';
import { Listener } from './testing/listener.ts';
import { addressOf, serve, type Web } from './testing/web-server.ts';
import { connectWeb } from './web.ts';

const providers = createProviders();
const { signal } = new AbortController();
const long = 20_000;
let directory: string;
let store: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-store-'));
  store = join(directory, 'store');
  await mkdir(store);
  await writeFile(join(directory, 'disk.raw'), Buffer.alloc(2 ** 20, 'data'));
});
afterEach(() => rm(directory, { recursive: true }));

/** Files of a test are old enough to be whole. */
async function settled(path: string): Promise<string> {
  const past = new Date(Date.now() - 60_000);
  await utimes(path, past, past);
  return path;
}
async function ova(name: string, more: Partial<Parameters<typeof buildOva>[0]> = {}): Promise<string> {
  const path = join(store, `${name}.ova`);
  await buildOva({ path, vmName: name, disks: [{ file: join(directory, 'disk.raw'), format: 'raw' }], ...more });
  return more.layout === 'directory' ? path : settled(path);
}
async function connect(location = store): Promise<Connection> {
  return providers.connect({ account: { type: 'ova', location }, secrets: {} }, signal);
}

/** The same VM a second time, under another id and name. */
function twice(ovf: string): string {
  const [system = ''] = /<VirtualSystem [\s\S]*<\/VirtualSystem>/.exec(ovf) ?? [];
  const second = system.replaceAll(/ovf:id="[^"]*"/g, 'ovf:id="second"').replaceAll('<Name>pair', '<Name>other');
  const both = `<VirtualSystemCollection ovf:id="all"><Info>x</Info>${system}${second}</VirtualSystemCollection>`;
  return ovf.replace(system, both);
}
const check = (location: string): Promise<CheckResult> =>
  providers.check({ account: { type: 'ova', location }, secrets: {} }, signal);

async function first(connection: Connection): Promise<Listener> {
  const listener = new Listener();
  await listener.listen(connection.watchInventory(signal), () => listener.synced);
  return listener;
}

test('a mix of OVAs, OVF directories, domain XML and images: each is a VM, what cannot be read has a reason', async () => {
  await ova('app');
  const folder = join(store, 'team', 'db.ovfdir');
  await mkdir(folder, { recursive: true });
  await buildOva({
    path: folder,
    vmName: 'db',
    layout: 'directory',
    disks: [{ file: join(directory, 'disk.raw'), format: 'raw' }],
  });
  for (const name of ['db.ovf', 'disk.raw']) await settled(join(folder, name));
  await copyFile(join(directory, 'disk.raw'), join(store, 'bare.raw'));
  await settled(join(store, 'bare.raw'));
  await copyFile(join(directory, 'disk.raw'), join(store, 'named.raw'));
  await settled(join(store, 'named.raw'));
  const xml = `<domain type='kvm'><name>dom</name><vcpu>2</vcpu><memory unit='MiB'>64</memory><devices><disk type='file'
    device='disk'><driver type='raw'/><source file='/elsewhere/named.raw'/><target dev='vda' bus='virtio'/></disk></devices></domain>`;
  await writeFile(join(store, 'dom.xml'), xml);
  await settled(join(store, 'dom.xml'));
  await writeFile(join(store, 'broken.ova'), 'no archive at all'.repeat(100));
  await settled(join(store, 'broken.ova'));
  await writeFile(join(store, 'lying.qcow2'), 'not qcow2'.repeat(100));
  await settled(join(store, 'lying.qcow2'));
  await symlink('/etc/passwd', join(store, 'link.raw'));
  await writeFile(join(store, 'notes.txt'), 'no image');
  await using connection = await connect();
  const found = await first(connection);
  const shown = [...found.vms.values()].map(({ name, data }) => `${name} ${data.facts['ova.format']} ${data.folder}`);
  expect(new Set(shown)).toEqual(new Set(['app ova ', 'bare image ', 'db ovf team/db.ovfdir', 'dom domain-xml ']));
  expect(found.unreadable).toEqual(
    new Map([
      [join(store, 'broken.ova'), 'ova.not_an_archive'],
      [join(store, 'lying.qcow2'), 'source.format_contradicts'],
    ]),
  );
  expect(found.vms.get(join(store, 'app.ova'))?.data).toMatchObject({
    detail: 'full',
    power: 'off',
    origin: 'vmware',
    disks: [{ sizeBytes: 2 ** 20, format: 'raw' }],
    facts: { 'ova.cpuHotAdd': false },
  });
  const again = await connection.readVm(join(store, 'bare.raw'), signal);
  expect(again).toMatchObject({ kind: 'vm', name: 'bare' });
  expect(await connection.readVm(join(store, 'nothing.raw'), signal)).toBeNull();
});

test('several VMs of one OVA are listed apart', async () => {
  await ova('pair', { editOvf: twice, manifest: 'none' });
  await using connection = await connect();
  const found = await first(connection);
  expect(found.vms.size).toBe(2);
  for (const ref of found.vms.keys()) expect(ref).toContain('pair.ova#');
});

test('what is added, changed, broken and removed is told; half a file is not read', { timeout: 60_000 }, async () => {
  await ova('app');
  const stop = new AbortController();
  await using connection = await connect();
  const listener = new Listener();
  const waits: Array<() => void> = [];
  const listening = (async () => {
    for await (const one of connection.watchInventory(stop.signal)) {
      listener.take(one);
      for (const wake of waits.splice(0)) wake();
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  const until = async (condition: () => boolean): Promise<void> => {
    const giveUp = AbortSignal.timeout(long);
    while (!condition()) {
      giveUp.throwIfAborted();
      await Promise.race([
        new Promise<void>((resolve) => waits.push(resolve)),
        new Promise<void>((resolve) => giveUp.addEventListener('abort', () => resolve())),
        listening,
      ]);
    }
  };
  await until(() => listener.synced);
  expect([...listener.vms.keys()]).toEqual([join(store, 'app.ova')]);
  await copyFile(join(store, 'app.ova'), join(store, 'other.ova.partial'));
  await rename(join(store, 'other.ova.partial'), join(store, 'other.ova'));
  await until(() => listener.vms.has(join(store, 'other.ova')));
  expect(listener.vms.has(join(store, 'other.ova.partial'))).toBe(false);
  await writeFile(join(store, 'app.ova'), (await readFile(join(store, 'app.ova'))).subarray(0, 4_000));
  await until(() => listener.unreadable.has(join(store, 'app.ova')));
  expect(listener.unreadable.get(join(store, 'app.ova'))).toBe('ova.truncated');
  expect(listener.vms.has(join(store, 'app.ova'))).toBe(false);
  await rm(join(store, 'other.ova'));
  await until(() => listener.vms.size === 0);
  await ova('app');
  await until(() => listener.vms.has(join(store, 'app.ova')));
  expect(listener.unreadable.size).toBe(0);
  stop.abort();
  await listening;
});

test('check says what is there, and what is wrong with a place that is none', async () => {
  await ova('app');
  const good = await check(store);
  expect(good.ok).toBe(true);
  expect(good.rows.map(({ what }) => what)).toEqual(['Directory', 'Content', 'Uploads']);
  expect(good.rows[1]?.detail).toContain('1 VMs');
  const missing = await check(join(store, 'missing'));
  expect(missing).toMatchObject({ ok: false, rows: [{ what: 'Directory', ok: false }] });
  expect(missing.rows[0]?.detail).toContain(join(store, 'missing'));
  const file = await check(join(store, 'app.ova'));
  expect(file.rows[0]?.detail).toContain('no directory');
});

test('OVAs on a web server are read by parts of them', async () => {
  await ova('app');
  const state = { whole: false, asked: [] as string[] };
  await using server = await serve(store, state);
  await using connection = await connect(`${addressOf(server)}/images/`);
  const found = await first(connection);
  expect([...found.vms.values()]).toMatchObject([{ name: 'app', data: { disks: [{ format: 'raw' }] } }]);
  const parts = state.asked.filter((line) => line.includes('app.ova'));
  expect(parts.length).toBeGreaterThan(2);
  expect(parts.every((line) => line.includes('bytes='))).toBe(true); // never the whole
  state.whole = true;
  const whole = await check(`${addressOf(server)}/images/app.ova`);
  expect(whole).toMatchObject({ ok: false });
  expect(whole.rows.find(({ ok }) => !ok)?.what).toBe('Parts');
});

test('of a page with several the names come first; one is read alone when somebody looks at it', async () => {
  await ova('app');
  await ova('two');
  const list = '<a href="app.ova">app</a><a href="two.ova">two</a><a href="none.ova">none</a>';
  const state: Web = { whole: false, asked: [], list };
  await using server = await serve(store, state);
  await using connection = await connect(`${addressOf(server)}/images/`);
  const told: string[] = [];
  const stop = new AbortController();
  for await (const news of connection.watchInventory(stop.signal)) {
    if (news.kind === 'put') {
      // Nothing but the list was asked for when the names are told.
      const asked = state.asked.length;
      told.push(
        ...news.objects.flatMap((one) => (one.kind === 'vm' ? [`${one.name} ${one.data.detail} ${asked}`] : [])),
      );
    }
    if (news.kind === 'gone') told.push(...news.objects.map(({ ref }) => `gone ${basename(ref)}`));
    if (news.kind === 'synced') break;
  }
  expect(told.slice(0, 4)).toEqual(['app summary 1', 'two summary 1', 'none summary 1', 'gone none.ova']);
  expect(told.slice(4)).toEqual([expect.stringMatching(/^app full/), expect.stringMatching(/^two full/)]);
  state.asked.length = 0;
  const one = await connection.readVm(`${addressOf(server)}/images/two.ova`, signal);
  expect(one).toMatchObject({ name: 'two', data: { detail: 'full' } });
  expect(state.asked.every((line) => line.includes('two.ova'))).toBe(true);
});

test('a wrong password is tried once, the right one is used', async () => {
  await ova('app');
  const state = { whole: false, asked: [] as string[], password: 'sesame' };
  await using server = await serve(store, state);
  const account = { type: 'ova', location: `${addressOf(server)}/images/`, username: 'joe' } as const;
  const wrong = await providers.check({ account, secrets: { password: 'wrong' } }, signal);
  expect(wrong.rows.find(({ ok }) => !ok)?.what).toBe('Sign-in');
  expect(state.asked).toHaveLength(1);
  expect(JSON.stringify(wrong)).not.toContain('wrong');
  expect(await providers.check({ account, secrets: { password: 'sesame' } }, signal)).toMatchObject({ ok: true });
});

test('a list that everybody may read, of files that nobody is let into: one try of the password, then it ends', async () => {
  await ova('app');
  const list = Array.from({ length: 50 }, (_, index) => `<a href="${index}.ova">x</a>`).join('');
  const state: Web = { whole: false, asked: [], password: 'sesame', openList: true, list };
  await using server = await serve(store, state);
  const account = { type: 'ova', location: `${addressOf(server)}/images/`, username: 'joe' } as const;
  await using connection = await providers.connect({ account, secrets: { password: 'wrong' } }, signal);
  await expect(first(connection)).rejects.toMatchObject({ code: 'provider.sign_in_refused' });
  expect(state.asked.filter((line) => line.includes('.ova'))).toHaveLength(1);
});

test('a link that is no name of a file is listed with the reason; the others are read', async () => {
  await ova('app');
  const state: Web = { whole: false, asked: [], list: '<a href="%E0%A4%A.ova">bad</a><a href="app.ova">app</a>' };
  await using server = await serve(store, state);
  await using connection = await connect(`${addressOf(server)}/images/`);
  const found = await first(connection);
  expect([...found.vms.values()].map(({ name }) => name)).toEqual(['app']);
  expect([...found.unreadable.values()]).toEqual(['provider.http_status']);
});

test('links that lead to nothing, more of them than there are connections, do not hold up the others', async () => {
  await ova('app');
  const list = [...Array.from({ length: 9 }, (_, index) => `${index}.ova`), 'app.ova'].map(
    (name) => `<a href="${name}">x</a>`,
  );
  await using server = await serve(store, { whole: false, asked: [], list: list.join('') });
  await using connection = await connect(`${addressOf(server)}/images/`);
  const found = await first(connection);
  expect([...found.vms.values()].map(({ name }) => name)).toEqual(['app']);
  expect(found.unreadable.size).toBe(9);
}, 30_000);

test('an answer without encryption that breaks off is tried again, and no defect', async () => {
  const state: Web = { whole: false, asked: [], cut: true };
  await using server = await serve(store, state);
  await using connection = await connect(`${addressOf(server)}/images/`);
  await expect(first(connection)).rejects.toMatchObject({ code: 'provider.connection_lost' });
});

test('a server that is not there is an error of the store, not of a file in it', async () => {
  await using connection = await connect('http://127.0.0.1:1/app.ova');
  await expect(first(connection)).rejects.toMatchObject({ code: 'provider.unreachable' });
  await using unknown = await connect('http://nowhere.invalid/app.ova');
  await expect(first(unknown)).rejects.toMatchObject({ code: 'provider.name_unknown' });
});

test('links with passwords and signatures: none of them is told, each file is read with its own', async () => {
  await ova('app');
  await ova('plain');
  const list = `<a href="app.ova?sig=kanarie-one&amp;a=1">app</a><a href="http://joe:kanarie-two@HOST/images/secret.ova">x</a>
    <a href="http://joe:kanarie-two@HOST/images/plain.ova">x</a><a href="plain.ova">plain</a>
    <a href="both.ova?sig=kanarie-3">a</a><a href="both.ova?sig=kanarie-4">b</a>`;
  const state: Web = {
    whole: false,
    asked: [],
    signatures: { '/images/': 'list=kanarie-five', 'app.ova': 'sig=kanarie-one&a=1' },
  };
  await using server = await serve(store, state);
  state.list = list.replaceAll('HOST', addressOf(server).slice('http://'.length));
  const base = `${addressOf(server)}/images/`;
  const account = { type: 'ova', location: `${base}?…` } as const;
  const secrets = { query: 'list=kanarie-five' };
  await using connection = await providers.connect({ account, secrets }, signal);
  const told: InventoryNews[] = [];
  for await (const one of connection.watchInventory(signal)) if (told.push(one) && one.kind === 'synced') break;
  expect(JSON.stringify(told)).not.toMatch(/kanarie|joe/);
  const found = new Listener();
  for (const one of told) found.take(one);
  expect([...found.vms.keys()]).toEqual([`${base}app.ova?…`, `${base}plain.ova`]);
  expect(Object.fromEntries(found.unreadable)).toEqual({
    [`${base}secret.ova`]: 'source.link_password',
    [`${base}both.ova?…`]: 'source.link_twice',
  });
  expect(found.systemId).toBe(`${base}?…`);
  // Where one is looked at or migrated, its signature is that which the page gives now.
  state.signatures = { '/images/': 'list=kanarie-five', 'app.ova': 'sig=kanarie-six' };
  state.list = state.list?.replace('kanarie-one&amp;a=1', 'kanarie-six');
  expect(await connection.readVm(`${base}app.ova?…`, signal)).toMatchObject({ name: 'app' });
  const source = { type: 'web', url: `${base}app.ova?…` } as const;
  await using opened = await providers.openSource(source, signal, { account, secrets });
  expect(JSON.stringify(await opened.describe(null, signal))).not.toContain('kanarie');
  const gone = providers.openSource({ ...source, url: `${base}gone.ova?…` }, signal, { account, secrets });
  await expect(gone).rejects.toMatchObject({ code: 'source.link_gone' });
  await expect(providers.openSource(source, signal)).rejects.toMatchObject({ code: 'source.query_missing' });
  const checked = await providers.check({ account, secrets }, signal);
  expect(checked).toMatchObject({ ok: true });
  expect(JSON.stringify(checked)).not.toContain('kanarie');
  // The control: without its signature nothing is given.
  await expect(providers.check({ account, secrets: { query: 'list=no' } }, signal)).resolves.toMatchObject({
    ok: false,
  });
});

test('a link that is not closed hides none of those after it', () => {
  const page = '<a href="half <a href="one.ova"><a class=x href = \'two.ova\'>';
  const { files } = linksIn(page, new URL('http://x/'), (name) => name.endsWith('.ova'));
  expect(files.map(({ url }) => url.pathname)).toEqual(['/one.ova', '/two.ova']);
});

test('a page that links to more than is taken says so', () => {
  const all = Array.from({ length: 2_001 }, (_, at) => `<a href="${at}.ova"><a href="${at}.ova">`);
  const of = (count: number) => linksIn(all.slice(0, count).join(''), new URL('http://x/?s=1'), () => true);
  expect(of(2_000)).toMatchObject({ files: { length: 2_000 }, refused: [] });
  const refused = { ref: 'http://x/?…', code: 'provider.too_many_files', params: { limit: 2_000 } };
  expect(of(2_001)).toMatchObject({ files: { length: 2_000 }, refused: [refused] });
});

/** OVAs are read without them. */
const noOthers = {} as StoreReaders;

test('an idle store of many files is asked for its list and for a few of them', async () => {
  await ova('app');
  for (let index = 0; index < 20; index += 1) await copyFile(join(store, 'app.ova'), join(store, `${index}.ova`));
  const list = Array.from({ length: 20 }, (_, index) => `<a href="${index}.ova">x</a>`).join('');
  const state: Web = { whole: false, asked: [], list };
  await using server = await serve(store, state);
  const account = { type: 'ova', location: `${addressOf(server)}/images/` } as const;
  await using connection = await connectWeb(account, {}, noOthers, signal, 10);
  const listener = new Listener();
  const looks = (): number => state.asked.filter((line) => line.startsWith('GET /images/ ')).length;
  const news = connection.watchInventory(signal)[Symbol.asyncIterator]();
  while (!listener.synced) listener.take((await news.next()).value as InventoryNews);
  expect(listener.vms.size).toBe(20);
  state.asked.length = 0;
  state.list += '<a href="app.ova">new</a>'; // ends the wait below
  await rm(join(store, '7.ova'));
  for (const isTold of [() => listener.vms.size === 21, () => listener.unreadable.size === 1]) {
    while (!isTold()) listener.take((await news.next()).value as InventoryNews);
  }
  expect(looks()).toBeGreaterThan(1); // it was not among the first in turn
  const opened = state.asked.filter((line) => line.endsWith('bytes=0-0')).length;
  expect(opened).toBeLessThanOrEqual(4 * looks() + 1);
  await news.return?.();
});
