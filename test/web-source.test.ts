/**
 * A VM on a web server through the whole product: a certificate that a person saw, a password, the OVA read in place, and at
 * the target what the same OVA becomes when it is imported from a directory. Its password is nowhere it should not be.
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProviderView } from '../src/inventory/api.ts';
import type { VmMigrationSpec } from '../src/model/spec.ts';
import { findIn, findInDatabase, findInFiles } from './acceptance/canaries.ts';
import { type Product, runWherry, startProduct } from './acceptance/product.ts';
import { buildOva } from './fixtures/ova/build.ts';
import { startStrictServer, type StrictServer } from './fixtures/web/strict-server.ts';
import { makeCertificate } from './peers/vcsim/certificate.ts';
import { fingerprintOf } from './peers/vcsim/vcsim.ts';

const mib = 2 ** 20;
const password = `kanarie-${randomBytes(9).toString('hex')}`;
let directory = '';
let product: Product;
let server: StrictServer;
let sha256 = '';
const content = Buffer.concat([randomBytes(9 * mib), Buffer.alloc(20 * mib), randomBytes(3 * mib)]);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-web-'));
  const web = join(directory, 'web');
  await mkdir(web);
  const raw = join(directory, 'disk.raw');
  await writeFile(raw, content);
  const vmdk = join(directory, 'disk.vmdk');
  execFileSync('qemu-img', ['convert', '-O', 'vmdk', '-o', 'subformat=streamOptimized', '-f', 'raw', raw, vmdk]);
  const disks = [{ file: vmdk, capacityBytes: content.length }];
  await buildOva({ path: join(web, 'shop.ova'), vmName: 'shop', disks, manifest: 'sha256' });
  execFileSync('qemu-img', ['convert', '-O', 'qcow2', '-f', 'raw', raw, join(web, 'bare.qcow2')]);
  const tls = await makeCertificate();
  sha256 = fingerprintOf(tls.certificate);
  server = await startStrictServer({ directory: web, login: { user: 'reader', password }, tls });
  product = await startProduct();
}, 120_000);
afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  if (directory !== '') await rm(directory, { recursive: true, force: true });
});

test('an OVA and a bare image become what their local copies become', { timeout: 300_000 }, async () => {
  const account = {
    type: 'ova',
    location: `${server.url}shop.ova`,
    username: 'reader',
    trust: { kind: 'pinned', sha256 },
  };
  const body = { name: 'web', account, secrets: { password } };
  const provider = await until(() => product.client.post<ProviderView>('/providers', body, { timeoutMs: 60_000 }));
  const from = (name: string) => ({ type: 'web', url: `${server.url}${name}`, provider: provider.id }) as const;
  const far = await migrate('far', from('shop.ova'));
  const near = await migrate('near', { type: 'ova', path: join(directory, 'web', 'shop.ova') });
  const bare = await migrate('bare', from('bare.qcow2'));
  expect(far).toBe(digest(content));
  expect(far).toBe(near);
  expect(bare).toBe(digest(content));
  expect(far).not.toBe(digest(Buffer.alloc(content.length))); // the control
  expect([...server.tries.keys()]).toEqual([password]);
  // By parts: nothing was fetched as a whole.
  expect(server.answers.filter((answer) => answer.endsWith(' 200'))).toEqual([]);

  const listed = await runWherry(product, ['import', `${server.url}shop.ova`, '--to', 'files', '--dir', directory]);
  expect(listed.code).not.toBe(0); // without the provider nobody vouches for its certificate
  expect(listed.stderr + listed.stdout).toMatch(/certificate/i);
  const out = join(directory, 'by-hand');
  await mkdir(out);
  const words = [
    '--to',
    'files',
    '--dir',
    out,
    '--format',
    'raw',
    '--conversion',
    'never',
    '--provider',
    'WEB',
    '--quiet',
  ];
  const byHand = await runWherry(product, ['import', `${server.url}shop.ova`, ...words]);
  expect(byHand).toMatchObject({ code: 0 });
  expect(digest(await readFile(join(out, 'shop-disk0.raw')))).toBe(far);

  const elsewhere = { ...from('shop.ova'), url: 'https://127.0.0.1:1/shop.ova' };
  await expect(product.begin(specOf('no', elsewhere))).rejects.toThrow(/not on the web server/);
  const { found, rows } = await findInDatabase(product.home, [password]);
  expect(rows).toBeGreaterThan(10);
  expect(found).toEqual([]);
  const seen = JSON.stringify([await product.client.text('/migrations'), await product.client.text('/providers')]);
  expect(findIn(seen, 'answers', [password])).toEqual([]);
  expect(await findInFiles(product.home, [password])).toEqual([]);
});

function specOf(name: string, source: VmMigrationSpec['source']): VmMigrationSpec {
  const target = { type: 'files', directory: join(directory, name), format: 'raw', networks: {} } as const;
  return {
    source,
    vm: null,
    target,
    targetName: name,
    options: { conversion: 'never', verify: 'full', power: 'as-source' },
  };
}

/** The digest of the disk that it left. */
async function migrate(name: string, source: VmMigrationSpec['source']): Promise<string> {
  await mkdir(join(directory, name));
  const view = await product.migrate(specOf(name, source));
  expect([view.state, view.vmMigrations[0]?.error ?? null]).toEqual(['succeeded', null]);
  const files = await readdir(join(directory, name));
  expect(files.toSorted()).toEqual([`${name}-disk0.raw`, `${name}.xml`]);
  return digest(await readFile(join(directory, name, `${name}-disk0.raw`)));
}

function digest(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Until a worker is there to check it. */
async function until<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
