import { randomBytes } from 'node:crypto';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProviderView } from '../../src/inventory/api.ts';
import type { MigrationPage, MigrationView } from '../../src/migration/api.ts';
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

  test('that what is not found was removed for good is asked for once more, with what is forgotten by it', async () => {
    const [migration] = (await ui.client.get<MigrationPage>('/migrations')).items;
    // Of the real answer only this is changed: that a directory is away shows after minutes of waiting for it.
    const away = { code: 'files.directory_gone', params: {}, message: 'The directory is away', next: '', causes: [] };
    const row = { id: 'one', kind: 'target-disk', state: 'created', what: '/mnt/away/moved-disk0.qcow2' };
    const leftBehind = [row, { ...row, id: 'two', kind: 'overlay', what: '/var/overlay-0.qcow2' }];
    const path = `**/api/v1/migrations/${migration?.id}`;
    await ui.page.route(path, async (route) => {
      const response = await route.fetch();
      const view = (await response.json()) as MigrationView;
      const vmMigrations = view.vmMigrations.map((vm) => ({ ...vm, error: away, leftBehind, finishable: true }));
      await route.fulfill({ response, json: { ...view, vmMigrations } });
    });
    const sent: string[] = [];
    ui.page.on('request', (request) => {
      if (request.url().endsWith('/finish')) sent.push(request.postData() ?? '');
    });
    await ui.page.goto(`${ui.address}/migrations/${migration?.id}`);
    const ask = button('Finish it: what is missing was removed for good');
    await ask.click();
    const dialog = ui.page.getByRole('dialog', { name: 'Was it removed for good?' });
    await dialog.getByText('/mnt/away/moved-disk0.qcow2').waitFor();
    expect(await dialog.getByText('/var/overlay-0.qcow2').count()).toBe(0); // a worker's own work
    await fine('dialog');
    await dialog.getByRole('button', { name: 'It may come back' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect(sent).toEqual([]);
    await ask.click();
    await dialog.getByRole('button', { name: 'Forget what is not found' }).click();
    // It is migrated in truth, and the server says so.
    await dialog.getByText('What to do:').waitFor();
    expect(sent).toEqual(['{"gone":true}']);
    await dialog.getByRole('button', { name: 'It may come back' }).click();
    await button('Finish the hand-over of VM small').click();
    await expect.poll(() => sent).toEqual(['{"gone":true}', '{}']);
    await ui.page.unroute(path);
  }, 120_000);

  test('where a VM cannot be migrated from yet, the button says why', async () => {
    await openVm('vm-00001');
    const migrate = button('Migrate');
    expect(await migrate.getAttribute('aria-disabled')).toBe('true');
    await migrate.hover();
    await ui.page.getByText('VMs are not migrated from vSphere directly yet.', { exact: false }).waitFor();
    await fine();
  }, 120_000);
});
