/** What a page of a web server lists: every kind of file that a directory store reads, read in place and within bounds. */
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startStrictServer } from '../../../../test/fixtures/web/strict-server.ts';
import type { InventoryNews } from '../../provider.ts';
import { createProviders } from '../../../wiring.ts';
import { build, images, mib, signal, work } from '../test-packages.ts';
import { addressOf } from './address.ts';
import { webServer } from './http-server.ts';
import type { StoreReaders } from './read.ts';
import { mostBytesOfFile, readWebFile } from './web-read.ts';

const providers = createProviders();

test('a page with a mix: OVA, OVF with its disks, images; what cannot be read has a reason', {
  timeout: 60_000,
}, async () => {
  const directory = await build({ layout: 'directory', manifest: 'sha256' });
  await build({ path: join(directory, 'app.ova'), vmName: 'app' });
  await copyFile(join(images, 'disk.qcow2'), join(directory, 'bare.qcow2'));
  await copyFile(join(images, 'disk.vhdx'), join(directory, 'other.vhdx'));
  await writeFile(join(directory, 'lying.qcow2'), 'not qcow2'.repeat(100));
  await writeFile(join(directory, 'dom.xml'), '<domain/>');
  await writeFile(join(directory, 'notes.txt'), 'no image');
  const names = ['bare.qcow2', 'disk.vmdk', 'app.ova', 'shop.ovf', 'other.vhdx', 'lying.qcow2', 'dom.xml', 'notes.txt'];
  await writeFile(join(directory, 'index.html'), names.map((name) => `<a href="${name}">${name}</a>`).join('\n'));
  await using server = await startStrictServer({ directory });
  const account = { type: 'ova', location: `${server.url}index.html` } as const;
  await using connection = await providers.connect({ account, secrets: {} }, signal);
  const vms = new Map<string, string>();
  const unreadable = new Map<string, string>();
  const take = (news: InventoryNews): void => {
    if (news.kind === 'gone') for (const { ref } of news.objects) vms.delete(ref);
    if (news.kind === 'unreadable') for (const { ref, code } of news.objects) unreadable.set(ref, code);
    if (news.kind !== 'put') return;
    for (const one of news.objects) {
      if (one.kind !== 'vm') continue;
      const { facts, disks, detail } = one.data;
      vms.set(one.ref, `${one.name} ${facts['ova.format']} ${detail} ${disks.map(({ format }) => format).join()}`);
    }
  };
  for await (const news of connection.watchInventory(signal)) {
    take(news);
    if (news.kind === 'synced') break;
  }
  const at = (name: string): string => `${server.url}${name}`;
  expect(Object.fromEntries(vms)).toEqual({
    [at('app.ova')]: 'app ova full vmdk',
    [at('shop.ovf')]: 'shop ovf full vmdk',
    [at('bare.qcow2')]: 'bare image full qcow2',
    [at('other.vhdx')]: 'other image full vhdx',
  });
  expect([...unreadable.keys()].sort()).toEqual([at('dom.xml'), at('lying.qcow2')]);
  expect(unreadable.get(at('dom.xml'))).toBe('source.domain_on_web');
  // By parts, but for the page itself.
  expect(server.answers.filter((answer) => answer.endsWith(' 200'))).toEqual(['GET /index.html 200']);
  expect(await connection.readVm(at('bare.qcow2'), signal)).toMatchObject({ name: 'bare', data: { detail: 'full' } });
});

const openWeb: StoreReaders['openWeb'] = async (bounded, where) => {
  const file = await bounded.open(where, signal);
  for (;;) await file.remote.read(0, 2 * mib, signal);
};

test('a file that would have to be read for ever is given up, and named', async () => {
  await writeFile(join(work, 'endless.raw'), Buffer.alloc(2 * mib));
  await using server = await startStrictServer({ directory: work });
  const address = addressOf(new URL(`${server.url}endless.raw`));
  using web = webServer({ type: 'ova', location: server.url }, {});
  const readers = { openWeb } as StoreReaders;
  const file = await web.open(address, signal);
  let spent = 0;
  const reading = readWebFile(
    { server: web, base: address, readers },
    { address, kind: 'image', file },
    (bytes) => (spent += bytes),
    signal,
  );
  await expect(reading).rejects.toMatchObject({ code: 'source.too_much_to_list' });
  expect(spent).toBe(mostBytesOfFile + 2 * mib);
});
