import { randomBytes } from 'node:crypto';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProviderView } from '../../src/inventory/api.ts';
import { runChild } from '../../src/process/child.ts';
import { smallInventory } from '../simulators/vsphere/inventory/small.ts';
import { startVsphere, type VsphereSimulator } from '../simulators/vsphere/simulator.ts';
import { faultsOf } from './accessible.ts';
import { chromiumPath, openConsole, type TestConsole } from './console.ts';

const without = chromiumPath === undefined ? ' (there is no Chromium here)' : '';
/** A worker connects, reads and tells; a machine may be busy. */
const long = { timeout: 120_000 };

describe.skipIf(chromiumPath === undefined)(`a migration is begun on the page of a VM${without}`, () => {
  let ui: TestConsole;
  let vcenter: VsphereSimulator;
  let image: string;
  let target: string;
  beforeAll(async () => {
    ui = await openConsole();
    const store = join(ui.scratch, 'store');
    target = join(ui.scratch, 'target');
    for (const directory of [store, target]) await mkdir(directory);
    const raw = join(ui.scratch, 'content.raw');
    await writeFile(raw, randomBytes(3 * 2 ** 20));
    image = join(store, 'small.qcow2');
    await runChild('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, image]);
    const past = new Date(Date.now() - 60_000);
    await utimes(image, past, past);
    const add = (name: string, account: object, secrets = {}): Promise<ProviderView> =>
      ui.client.post('/providers', { name, account, secrets, check: false });
    await add('images', { type: 'ova', location: store });
    vcenter = await startVsphere();
    smallInventory(vcenter.world, 3);
    const { url, username, password, certificate } = vcenter;
    const trust = { kind: 'pinned', sha256: certificate.sha256 };
    await add('vcenter', { type: 'vsphere', url, username, trust }, { password });
    await ui.page.goto(ui.address);
    await ui.page.getByRole('textbox', { name: 'Set-up token' }).fill(ui.setupToken);
    await ui.page.getByLabel('New password').fill('a-long-enough-one');
    await button('Create the administrator').click();
  }, 180_000);
  afterAll(async () => {
    await ui?.[Symbol.asyncDispose]();
    await vcenter?.[Symbol.asyncDispose]();
  }, 60_000);

  const button = (name: string) => ui.page.getByRole('button', { name, exact: true });
  const openVm = async (name: string): Promise<void> => {
    await ui.page.getByRole('navigation', { name: 'Places' }).getByRole('link', { name: 'Virtual machines' }).click();
    await ui.page.getByRole('link', { name, exact: true }).click(long);
    await ui.page.getByRole('heading', { name, exact: true }).waitFor();
  };
  /** The title of an open dialog is a heading of its own, over that of the page. */
  const fine = async (open: 'page' | 'dialog' = 'page'): Promise<void> => {
    const faults = await faultsOf(ui.page);
    expect(faults.filter((fault) => open === 'page' || fault !== 'not one h1')).toEqual([]);
    expect(ui.complaints).toEqual([]);
  };

  test('a VM of a store goes into image files, and is what it was', async () => {
    await openVm('small');
    await button('Migrate').click();
    const dialog = ui.page.getByRole('dialog', { name: 'Migrate VM small' });
    await dialog.waitFor();
    await fine('dialog');
    await dialog.getByRole('radio', { name: 'Image files in a directory' }).check();
    await button('Start migration').click();
    await dialog.getByText('Still missing: the directory.').waitFor();
    await dialog.getByRole('textbox', { name: 'Directory' }).fill(target);
    await dialog.getByRole('textbox', { name: 'Name at the target' }).fill('moved');
    await fine('dialog');
    const picture = process.env['WHERRY_PICTURES'];
    if (picture !== undefined) await ui.page.screenshot({ path: join(picture, 'migrate.png') });
    await button('Start migration').click();
    await ui.page.waitForURL(/\/migrations\/[0-9a-f-]+$/);
    await ui.page.getByText('Succeeded', { exact: true }).first().waitFor(long);
    await fine();
    const made = (await readdir(target)).filter((name) => name.endsWith('.qcow2'));
    expect(made).toHaveLength(1);
    expect(made[0]).toMatch(/^moved/);
    await runChild('qemu-img', ['compare', image, join(target, made[0] ?? '')]);
    // The control: another content is told apart.
    const other = join(ui.scratch, 'other.raw');
    await writeFile(other, randomBytes(3 * 2 ** 20));
    await expect(runChild('qemu-img', ['compare', other, image])).rejects.toThrow(/qemu-img/);
  }, 300_000);

  test('where a VM cannot be migrated from yet, the button says why', async () => {
    await openVm('vm-00001');
    const migrate = button('Migrate');
    expect(await migrate.getAttribute('aria-disabled')).toBe('true');
    await migrate.hover();
    await ui.page.getByText('VMs are not migrated from vSphere directly yet.', { exact: false }).waitFor();
    await fine();
  }, 120_000);
});
