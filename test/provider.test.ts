/**
 * A provider through the whole product: `bin/wherry`, server, built-in worker, and a real libvirtd. Its VMs are there, changes
 * come by themselves, it survives the worker and the server being killed, and comes back with the same objects.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ObjectPage, ProviderCheck, ProviderView, UnsavedInventory } from '../src/inventory/api.ts';
import { runChild } from '../src/process/child.ts';
import { type Product, processesOf, runWherry, type Said, startProduct } from './acceptance/product.ts';
import { type Libvirtd, startLibvirtd, whyNoLibvirtd } from './peers/libvirtd.ts';

const missing = whyNoLibvirtd();
let directory = '';
let libvirtd: Libvirtd;
let product: Product;

beforeAll(async () => {
  if (missing !== null) return;
  directory = await mkdtemp(join(tmpdir(), 'wherry-provider-'));
  libvirtd = await startLibvirtd({ kind: 'private' });
  product = await startProduct({ leaseMs: 3_000 });
});
afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  await libvirtd?.stop();
  if (directory !== '') await rm(directory, { recursive: true, force: true });
});

const wait = { timeout: 45_000, interval: 200 };

test.skipIf(missing !== null)(
  'added, followed, killed, removed and added again',
  async () => {
    await define('one');
    await define('two');
    const added = await run(['provider', 'add', 'host', libvirtd.uri, '--json']);
    expect(added.stderr).toBe('');
    const { id, lastCheck } = JSON.parse(added.stdout) as ProviderView;
    expect(lastCheck?.ok).toBe(true);
    await expect.poll(() => state(id), wait).toMatchObject({ state: 'following', counts: { vm: 2 } });
    const before = await vms(id);
    expect(before.map(({ name }) => name)).toEqual(['one', 'two']);

    await define('three');
    await expect.poll(async () => (await vms(id)).map(({ name }) => name), wait).toEqual(['one', 'three', 'two']);
    await virsh('undefine', 'three');
    await expect.poll(() => vms(id), wait).toEqual(before);

    const [child] = (await processesOf(product.home)).filter(({ command }) => command.includes('watch-child'));
    expect(child).toBeDefined();
    process.kill(child?.pid ?? -1, 'SIGKILL');
    await define('four');
    await expect.poll(async () => (await vms(id)).map(({ name }) => name), wait).toEqual(['four', 'one', 'two']);
    process.kill(await product.workerPid(), 'SIGKILL');
    await product.killServer();
    await product.startServer();
    await virsh('undefine', 'four');
    await expect.poll(() => vms(id), wait).toEqual(before);

    expect((await run(['provider', 'check', 'HOST'])).code).toBe(0);
    expect((await run(['provider', 'list'])).stdout).toMatch(/host +libvirt .*following/);
    expect((await run(['provider', 'rm', 'host'])).code).toBe(0);
    await expect
      .poll(
        async () => (await processesOf(product.home)).filter(({ command }) => command.includes('watch-child')),
        wait,
      )
      .toEqual([]);

    // Given once: its VMs are listed as a provider's are, and nothing of it is kept.
    const browse = ['provider', 'browse', libvirtd.uri, '--filter'];
    const once = await run([...browse, 'name = one and concern ~ libvirt.*', '--json']);
    expect([once.code, once.stderr]).toEqual([0, '']);
    const { objects, concerns } = JSON.parse(once.stdout) as UnsavedInventory;
    const seen = objects.filter(({ kind }) => kind === 'vm');
    expect(seen.map(({ name }) => name)).toEqual(['one']);
    expect(concerns[seen[0]?.ref ?? '']?.[0]?.text).toContain('one');
    expect((await run([...browse, 'power = off'])).stdout).toMatch(/NAME +POWER.*\n.*one +off.*\n.*two +off/);
    expect(await run([...browse, 'nmae = one'])).toMatchObject({ code: 1, stderr: expect.stringContaining('nmae') });
    expect((await product.client.get<{ items: unknown[] }>('/providers')).items).toEqual([]);
    expect(await product.client.get('/inventory/vms')).toMatchObject({ total: 0 });

    const again = JSON.parse((await run(['provider', 'add', 'host', libvirtd.uri, '--json'])).stdout) as ProviderView;
    expect(again.id).not.toBe(id);
    await expect.poll(() => vms(again.id), wait).toEqual(before);
  },
  240_000,
);

test.skipIf(missing !== null)(
  'what cannot be reached is refused with the reason, and saved only when asked to',
  async () => {
    const address = 'qemu:///system?socket=/nowhere/libvirt-sock';
    const refused = await run(['provider', 'add', 'nowhere', address]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/is not ready to be used.*check_failed/);
    const checked = await run(['provider', 'check', '--address', address, '--json']);
    expect(checked.code).toBe(1);
    expect((JSON.parse(checked.stdout) as ProviderCheck).ok).toBe(false);
    const saved = JSON.parse(
      (await run(['provider', 'add', 'nowhere', address, '--no-check', '--json'])).stdout,
    ) as ProviderView;
    await expect.poll(async () => (await state(saved.id)).state, wait).toMatch(/retrying|stopped/);
    expect((await state(saved.id)).error?.message).toMatch(/nowhere/);
  },
  120_000,
);

async function state(id: string): Promise<ProviderView> {
  return product.client.get(`/providers/${id}`);
}

async function vms(id: string): Promise<{ id: string; name: string }[]> {
  const page = await product.client.get<ObjectPage>(`/providers/${id}/objects?kind=vm`);
  // They come in the order of their ids; ours are told apart by their names.
  const all = page.items.map((vm) => ({ id: vm.id, name: vm.name }));
  return all.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function define(name: string): Promise<void> {
  const file = join(directory, `${name}.xml`);
  const os = '<os><type arch="x86_64">hvm</type></os>';
  await writeFile(
    file,
    `<domain type="qemu"><name>${name}</name><memory unit="MiB">64</memory><vcpu>1</vcpu>${os}</domain>`,
  );
  await virsh('define', file);
}

async function virsh(...words: string[]): Promise<void> {
  await runChild('virsh', ['-c', libvirtd.uri, ...words]);
}

function run(words: string[]): Promise<Said> {
  return runWherry(product, words);
}
