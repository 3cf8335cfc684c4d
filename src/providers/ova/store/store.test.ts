import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildOva } from '../../../../test/fixtures/ova/build.ts';
import type { InventoryObject } from '../../../model/inventory.ts';
import { createProviders } from '../../../wiring.ts';
import type { CheckResult, Connection, InventoryNews } from '../../provider.ts';

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

/** The inventory as it is told, kept as somebody who listens would. */
class Listener {
  readonly vms = new Map<string, InventoryObject & { kind: 'vm' }>();
  readonly unreadable = new Map<string, string>();
  readonly others: InventoryObject[] = [];
  synced = false;
  systemId = '';

  async listen(news: AsyncIterable<InventoryNews>, until: () => boolean): Promise<void> {
    for await (const one of news) {
      this.take(one);
      if (until()) return;
    }
  }
  take(one: InventoryNews): void {
    if (one.kind === 'snapshot') this.systemId = one.systemId;
    if (one.kind === 'synced') this.synced = true;
    if (one.kind === 'put') {
      for (const object of one.objects) {
        this.unreadable.delete(object.ref);
        if (object.kind === 'vm') this.vms.set(object.ref, object);
        else this.others.push(object);
      }
    }
    if (one.kind === 'unreadable') for (const { ref, code } of one.objects) this.unreadable.set(ref, code);
    if (one.kind === 'gone') {
      for (const { ref } of one.objects) {
        this.vms.delete(ref);
        this.unreadable.delete(ref);
      }
    }
  }
}
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

/** A web server as there are many: a list, and files by Range unless `whole`. */
async function serve(state: { whole: boolean; asked: string[]; password?: string }): Promise<Server & AsyncDisposable> {
  const server = createServer((request, response) => {
    state.asked.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`);
    const expected = `Basic ${Buffer.from(`joe:${state.password}`).toString('base64')}`;
    if (state.password !== undefined && request.headers.authorization !== expected)
      return response.writeHead(401).end();
    if (request.url === '/images/') {
      return response.writeHead(200).end('<a href="../">up</a><a href="app.ova">app</a><a href="http://x/y.ova">y</a>');
    }
    void readFile(join(store, basename(request.url ?? ''))).then(
      (data) => {
        const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
        if (from === undefined || state.whole) return response.writeHead(200).end(data);
        const part = data.subarray(Number(from), Number(to) + 1);
        const headers = { 'content-range': `bytes ${from}-${to}/${data.length}`, etag: '"one"' };
        return response.writeHead(206, headers).end(part);
      },
      () => response.writeHead(404).end(),
    );
    return response;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(server, {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
const addressOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

test('OVAs on a web server are read by parts of them', async () => {
  await ova('app');
  const state = { whole: false, asked: [] as string[] };
  await using server = await serve(state);
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

test('a wrong password is tried once, the right one is used', async () => {
  await ova('app');
  const state = { whole: false, asked: [] as string[], password: 'sesame' };
  await using server = await serve(state);
  const account = { type: 'ova', location: `${addressOf(server)}/images/`, username: 'joe' } as const;
  const wrong = await providers.check({ account, secrets: { password: 'wrong' } }, signal);
  expect(wrong.rows.find(({ ok }) => !ok)?.what).toBe('Sign-in');
  expect(state.asked).toHaveLength(1);
  expect(JSON.stringify(wrong)).not.toContain('wrong');
  expect(await providers.check({ account, secrets: { password: 'sesame' } }, signal)).toMatchObject({ ok: true });
});
