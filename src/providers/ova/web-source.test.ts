/** VMs on a web server, read in place: every kind of file, and all that may be wrong with the server. */
import { createHash } from 'node:crypto';
import { copyFile, rename, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { startStrictServer, type StrictOptions, type StrictServer } from '../../../test/fixtures/web/strict-server.ts';
import type { SourceSpec } from '../../model/spec.ts';
import { createProviders } from '../../wiring.ts';
import type { Source } from '../provider.ts';
import { addressOf } from './store/address.ts';
import { webServer } from './store/http-server.ts';
import { build, content, images, mib, signal, work } from './test-packages.ts';

const providers = createProviders();
const serve = (more: Partial<StrictOptions> = {}): Promise<StrictServer> =>
  startStrictServer({ directory: work, ...more });
const open = (url: string): Promise<Source & AsyncDisposable> =>
  providers.openSource({ type: 'web', url } satisfies SourceSpec, signal);

async function digestsOf(source: Source): Promise<string[]> {
  const vm = await source.describe(null, signal);
  const digests: string[] = [];
  for (const { id, access } of vm.disks) {
    const disk = await source.openDisk(vm, id, work, signal);
    const hash = createHash('sha256');
    const step = access === 'random' ? 3 * mib : mib;
    for (let at = 0; at < disk.sizeBytes; at += step) {
      hash.update(await disk.read(at, Math.min(step, disk.sizeBytes - at), signal));
    }
    await disk.close();
    digests.push(hash.digest('hex'));
  }
  return digests;
}
const expected = (): string => createHash('sha256').update(content).digest('hex');

test('an OVA: each format in it is read where it lies, and its manifest holds', async () => {
  const disks = ['vmdk', 'qcow2', 'vpc', 'vhdx'].map((format) => ({
    file: join(images, `disk.${format}`),
    format: format as 'vmdk',
    capacityBytes: 4 * mib,
  }));
  await build({ path: join(work, 'a b.ova'), disks: disks.slice(0, 1), manifest: 'sha256' });
  await using server = await serve();
  await using source = await open(`${server.url}a%20b.ova`);
  expect(await source.list(signal)).toMatchObject([{ name: 'shop', diskCount: 1 }]);
  expect(await digestsOf(source)).toEqual([expected()]);
  expect(expected()).not.toBe(createHash('sha256').update(Buffer.alloc(content.length)).digest('hex')); // the control
  const vm = await source.describe(null, signal);
  await source.verifyManifest?.(vm, () => undefined, signal);
  expect(server.answers.every((answer) => answer.endsWith(' 206'))).toBe(true);
  expect(server.longest()).toBeLessThanOrEqual(4 * mib);
});

/** Another digit at the beginning of the disk's digest. */
const other = (text: string): string =>
  text.replace(/(vmdk\)= )(.)/, (_all, before: string, digit: string) => before + (digit === '0' ? '1' : '0'));

test('a manifest that does not hold is refused here as anywhere', async () => {
  await build({ manifest: 'sha256', editManifest: other });
  await using server = await serve();
  await using source = await open(`${server.url}vm.ova`);
  const vm = await source.describe(null, signal);
  const checked = source.verifyManifest?.(vm, () => undefined, signal);
  await expect(checked).rejects.toMatchObject({ code: 'ova.manifest_mismatch' });
});

test('an OVF with its disks beside it; one that is not there is named', async () => {
  const path = await build({ layout: 'directory', manifest: 'sha256' });
  await using server = await serve({ directory: path });
  await using source = await open(`${server.url}shop.ovf`);
  expect(await digestsOf(source)).toEqual([expected()]);
  await rename(join(path, 'disk.vmdk'), join(path, 'other.vmdk'));
  await expect(open(`${server.url}shop.ovf`).then((late) => late.describe(null, signal))).rejects.toMatchObject({
    code: expect.stringMatching(/^ova\.(disk_missing|manifest_member_missing)$/) as string,
  });
});

test('bare images: raw, qcow2, VHD, VHDX, and one compressed by gzip', { timeout: 60_000 }, async () => {
  for (const name of ['disk.raw', 'disk.qcow2', 'disk.vhdx', 'disk.vmdk'])
    await copyFile(join(images, name), join(work, name));
  await copyFile(join(images, 'disk.vpc'), join(work, 'disk.vhd'));
  await writeFile(join(work, 'disk.raw.gz'), gzipSync(content));
  await using server = await serve({ versions: 'weak' });
  for (const name of ['disk.raw', 'disk.qcow2', 'disk.vhd', 'disk.vhdx', 'disk.vmdk', 'disk.raw.gz']) {
    await using source = await open(`${server.url}${name}`);
    expect([name, (await source.list(signal))[0]?.name]).toEqual([name, 'disk']);
    expect([name, await digestsOf(source)]).toEqual([name, [expected()]]);
  }
});

test('another file under the same address is another source, and is not mixed with the first', async () => {
  await copyFile(join(images, 'disk.raw'), join(work, 'disk.raw'));
  for (const versions of ['etag', 'time'] as const) {
    await using server = await serve({ versions });
    await using source = await open(`${server.url}disk.raw`);
    const vm = await source.describe(null, signal);
    const before = await source.identity(vm, signal);
    await using again = await open(`${server.url}disk.raw`);
    expect(await again.identity(vm, signal)).toEqual(before);
    const disk = await source.openDisk(vm, 'disk.raw', work, signal);
    await writeFile(join(work, 'disk.raw'), Buffer.concat([content.subarray(0, 3 * mib), Buffer.alloc(mib, versions)]));
    const then = new Date(versions === 'time' ? 1_900_000_000_000 : 2_000_000_000_000);
    await utimes(join(work, 'disk.raw'), then, then);
    await expect(disk.read(2 * mib, mib, signal)).rejects.toMatchObject({ code: 'source.changed' });
    await disk.close();
    await using changed = await open(`${server.url}disk.raw`);
    expect(await changed.identity(vm, signal)).not.toEqual(before);
  }
});

test('what goes wrong far away is told by an image that QEMU reads, too, and is not tried over and over', async () => {
  await copyFile(join(images, 'disk.qcow2'), join(work, 'disk.qcow2'));
  await using server = await serve();
  await using source = await open(`${server.url}disk.qcow2`);
  const vm = await source.describe(null, signal);
  const disk = await source.openDisk(vm, 'disk.qcow2', work, signal);
  // The same bytes, but by its tag another file.
  await utimes(join(work, 'disk.qcow2'), new Date(1_900_000_000_000), new Date(1_900_000_000_000));
  const changed = { code: 'source.changed', passing: false };
  const readAll = async (): Promise<void> => {
    // What was fetched before may be answered from memory: to the end of it.
    for (let at = 0; at < disk.sizeBytes; at += mib) await disk.read(at, mib, signal);
  };
  await expect(readAll()).rejects.toMatchObject(changed);
  await expect(readAll()).rejects.toMatchObject(changed);
  await disk.close();
});

test('a part that does not come in time may come later; one that nobody wants any more is not waited for', async () => {
  const headers = { 'content-range': `bytes 0-0/${8 * mib}`, etag: '"one"' };
  const silent = createServer((request, response) => {
    if (request.headers.range === 'bytes=0-0') response.writeHead(206, headers).end('x');
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/disk.raw`;
    using web = webServer({ type: 'ova', location: url }, {});
    const { remote } = await web.open(addressOf(new URL(url)), signal);
    const late = remote.read(0, 2 * mib, AbortSignal.timeout(100));
    await expect(late).rejects.toMatchObject({ code: 'provider.hangs', passing: true });
    const given = new AbortController();
    const stopped = remote.read(0, 2 * mib, given.signal);
    given.abort(new Error('stopped'));
    await expect(stopped).rejects.toThrow('stopped');
  } finally {
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  }
});

test('a password that is refused in the middle is not sent by those who wait for a connection', async () => {
  const path = await build({ layout: 'directory' });
  await writeFile(join(path, 'long.raw'), Buffer.alloc(256 * mib, 7));
  const login = { user: 'joe', password: 'sesame' };
  await using server = await serve({ directory: path, login });
  const account = { type: 'ova', location: server.url, username: 'joe' } as const;
  using web = webServer(account, { password: 'sesame' });
  const { remote } = await web.open(addressOf(new URL(`${server.url}long.raw`)), signal);
  await remote.read(0, mib, signal);
  const before = server.tries.get('sesame') ?? 0;
  login.password = 'changed';
  const reads = Array.from({ length: 24 }, (_, at) => remote.read((at + 1) * 10 * mib, mib, signal));
  const outcomes = await Promise.allSettled(reads);
  const codes = outcomes.map((one) => (one.status === 'rejected' ? (one.reason as { code: string }).code : 'read'));
  expect(new Set(codes)).toEqual(new Set(['provider.sign_in_refused']));
  // No more than were under way on its connections; and none later.
  expect((server.tries.get('sesame') ?? 0) - before).toBeLessThanOrEqual(4);
  await expect(remote.read(0, 8 * mib, signal)).rejects.toMatchObject({ code: 'provider.sign_in_refused' });
  expect((server.tries.get('sesame') ?? 0) - before).toBeLessThanOrEqual(4);
});

test('a store that is closed leaves no connection open', async () => {
  const plain = createServer((_request, response) => response.end('<a href="x.ova">x</a>'));
  plain.keepAliveTimeout = 600_000; // it is not the server that ends them
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  const connections = (): Promise<number> =>
    new Promise((resolve, reject) => {
      plain.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  try {
    const url = new URL(`http://127.0.0.1:${(plain.address() as AddressInfo).port}/`);
    {
      using web = webServer({ type: 'ova', location: url.href }, {});
      expect(await web.page(addressOf(url), signal)).toContain('x.ova');
      expect(await connections()).toBe(1); // the control: kept for the next question
    }
    await expect.poll(connections).toBe(0);
  } finally {
    plain.closeAllConnections();
    await new Promise((resolve) => plain.close(resolve));
  }
});

const code = async (more: Partial<StrictOptions>, name = 'disk.raw'): Promise<unknown> => {
  await using server = await serve(more);
  return await open(`${server.url}${name}`).catch((error: { code?: string }) => error.code);
};

test('servers that cannot be read from are refused with the reason', async () => {
  await copyFile(join(images, 'disk.raw'), join(work, 'disk.raw'));
  expect(await code({ ranges: false })).toBe('provider.no_ranges');
  expect(await code({ versions: 'none' })).toBe('source.no_version');
  expect(await code({ login: { user: 'a', password: 'b' } })).toBe('provider.sign_in_refused');
  expect(await code({}, 'none.raw')).toBe('provider.http_status');
  const gone = { type: 'web', url: 'http://127.0.0.1:1/x.ova', provider: crypto.randomUUID() } as const;
  await expect(providers.openSource(gone, signal)).rejects.toMatchObject({ code: 'provider.not_found' });
});
