import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildDemoOva } from '../peers/guest/appliance.ts';
import { makeCertificate } from '../simulators/vsphere/http/certificate.ts';
import { smallInventory } from '../simulators/vsphere/inventory/small.ts';
import { startVsphere, type VsphereSimulator } from '../simulators/vsphere/simulator.ts';
import { faultsOf } from './accessible.ts';
import { chromiumPath, openConsole, type TestConsole } from './console.ts';

const without = chromiumPath === undefined ? ' (there is no Chromium here)' : '';
/** Enough for several pages of the list. */
const vms = 1_200;
/** A worker connects, reads and tells; a machine may be busy. */
const long = { timeout: 120_000 };
const partBytes = 8 * 1024 * 1024;

describe.skipIf(chromiumPath === undefined)(`providers and inventory in a browser${without}`, () => {
  let ui: TestConsole;
  let vcenter: VsphereSimulator;
  let store: string;
  beforeAll(async () => {
    vcenter = await startVsphere();
    smallInventory(vcenter.world, vms);
    ui = await openConsole();
    store = join(ui.scratch, 'store');
    await mkdir(store);
    await ui.page.goto(ui.address);
    await field('Set-up token').fill(ui.setupToken);
    await ui.page.getByLabel('New password').fill('a-long-enough-one');
    await button('Create the administrator').click();
    await heading('No migrations yet').waitFor();
  }, 180_000);
  afterAll(async () => {
    await ui?.[Symbol.asyncDispose]();
    await vcenter?.[Symbol.asyncDispose]();
  }, 60_000);
  beforeEach(() => {
    ui.complaints.length = 0;
  });

  const heading = (name: string | RegExp) => ui.page.getByRole('heading', { name, exact: typeof name === 'string' });
  const button = (name: string | RegExp) => ui.page.getByRole('button', { name });
  const field = (name: string) => ui.page.getByRole('textbox', { name });
  const filter = () => ui.page.getByRole('combobox', { name: 'Filter' });
  const link = (name: string) => ui.page.getByRole('link', { name, exact: true });
  const place = (name: string) => ui.page.getByRole('navigation', { name: 'Places' }).getByRole('link', { name });
  const shown = (fingerprint: string) => ui.page.locator(`[data-fingerprint="${fingerprint}"]`);
  const fine = async (): Promise<void> => {
    expect(await faultsOf(ui.page)).toEqual([]);
    expect(ui.complaints).toEqual([]);
  };

  test('a vCenter with an unknown certificate is added: its fingerprint is seen and trusted first', async () => {
    await place('Providers').click();
    await heading('No providers yet').waitFor();
    await fine();
    await link('Add provider').click();
    await button('Next').click();
    await button('Next').click();
    await ui.page.getByText('Still missing: the address, the user, the password.').waitFor();
    await field('Address').fill(vcenter.url);
    await field('User').fill(vcenter.username);
    await ui.page.getByLabel('Password').fill(vcenter.password);
    await fine();
    await button('Next').click();
    await heading(/The certificate is not trusted yet/).waitFor(long);
    await shown(vcenter.certificate.sha256).waitFor();
    // Nothing was sent there: nobody has tried to sign in.
    expect(await ui.page.getByRole('row', { name: /Sign-in/ }).count()).toBe(0);
    await ui.page.getByRole('row', { name: /Certificate Failed/ }).waitFor();
    await fine();
    await button('Trust this certificate').click();
    await heading(/All is well: VMware vCenter/).waitFor(long);
    await ui.page.getByRole('row', { name: /Sign-in OK/ }).waitFor();
    await button(/least privileges/).click();
    await ui.page
      .getByRole('region', { name: /least privileges/ })
      .getByText('VirtualMachine.')
      .first()
      .waitFor();
    await fine();
    // What is in it can be seen before anything of it is kept.
    const inside = ui.page.getByRole('grid', { name: 'VMs inside' });
    await button('Look inside without saving').click();
    await ui.page.getByText(`${vms} VMs found. The first 200 are shown`).waitFor(long);
    await inside.getByRole('row', { name: /vm-00200/ }).waitFor();
    await fine();
    await field('Filter of what is inside').fill('name = vm-01042 and power = on');
    await ui.page.keyboard.press('Enter');
    await ui.page.getByText('1 VM found.').waitFor(long);
    expect(await inside.getByRole('row').count()).toBe(2);
    await heading(/All is well/).waitFor(); // Enter looked inside, and did not go on
    await button('Next').click();
    await field('Name').fill('vCenter Leeds');
    await button('Add provider').click();
    await heading('vCenter Leeds').waitFor(long);
    await ui.page.getByText('Following', { exact: true }).waitFor(long);
    await link(`${vms.toLocaleString('en-US')} VMs`).waitFor(long);
    await fine();
    expect(await ui.page.content()).not.toContain(vcenter.password);
    await ui.page.getByRole('tab', { name: 'Tree' }).click();
    await ui.page.getByText('Cluster0').first().waitFor();
    await fine();
  }, 300_000);

  test('a VM is found by a filter that was completed with the keyboard, and opened', async () => {
    await place('Virtual machines').click();
    await ui.page.getByText(`${vms.toLocaleString('en-US')} VMs`).waitFor();
    await link('vm-00001').waitFor();
    await fine();
    await filter().focus();
    await ui.page.keyboard.type('nam');
    await ui.page.getByRole('option', { name: /^name / }).waitFor();
    await ui.page.keyboard.press('ArrowDown');
    expect(await filter().getAttribute('aria-activedescendant')).not.toBe(null);
    await fine();
    await ui.page.keyboard.press('Enter');
    expect(await filter().inputValue()).toBe('name ');
    await ui.page.keyboard.type('= vm-0104');
    await ui.page.getByRole('option', { name: /vm-01042/ }).waitFor();
    await ui.page.keyboard.press('Escape');
    await ui.page.getByRole('option').first().waitFor({ state: 'hidden' });
    await ui.page.keyboard.type('2');
    await ui.page.keyboard.press('Escape');
    await ui.page.keyboard.press('Enter');
    await ui.page.getByText('1 found').waitFor();
    await link('vm-01042').click();
    await heading('vm-01042').waitFor();
    await heading(/^Disks \(/).waitFor(long);
    await heading(/^Network cards \(/).waitFor();
    await fine();
    await ui.page.goBack();
    await ui.page.getByText('1 found').waitFor();
    expect(await filter().inputValue()).toBe('name = vm-01042');
  }, 300_000);

  test('a filter that is wrong is shown where, saved when it is right, and exported', async () => {
    await filter().fill('power = purple');
    await ui.page.keyboard.press('Escape');
    await ui.page.keyboard.press('Enter');
    const alert = ui.page.getByRole('alert').filter({ hasText: 'wrong at character 9' });
    await alert.waitFor();
    expect(await alert.locator('mark').textContent()).toBe('purple');
    expect(await filter().getAttribute('aria-invalid')).toBe('true');
    await fine();
    await filter().fill('name ~ vm-0000?');
    await ui.page.keyboard.press('Escape');
    await ui.page.keyboard.press('Enter');
    await ui.page.getByText('9 found').waitFor();
    await button('Saved filters').click();
    await ui.page.getByRole('menuitem', { name: /Save this filter/ }).click();
    await field('Name').fill('The first nine');
    await button('Save').click();
    await ui.page.getByRole('dialog').waitFor({ state: 'detached' });
    await button('Clear the filter').click();
    await ui.page.getByText(`${vms.toLocaleString('en-US')} VMs`).waitFor();
    await button('Saved filters').click();
    await ui.page.getByRole('menuitem', { name: /The first nine/ }).click();
    await ui.page.getByText('9 found').waitFor();
    await button('Export').click();
    const downloading = ui.page.waitForEvent('download');
    await ui.page.getByRole('menuitem', { name: 'CSV' }).click();
    const text = await readFile(await (await downloading).path(), 'utf8');
    expect(text.trim().split('\n')).toHaveLength(10);
    expect(ui.complaints).toEqual([]);
  }, 120_000);

  test('any place of the list is reached at once, in either order', async () => {
    await button('Clear the filter').click();
    await link('vm-00001').waitFor();
    const rows = ui.page.getByRole('region', { name: 'List of virtual machines' });
    await rows.evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
    await link('vm-01200').waitFor();
    expect(await ui.page.getByRole('row').count()).toBeLessThan(150);
    await button(/^Name/).click();
    await link('vm-01200').waitFor();
    // What is drawn is found by counting rows of this height.
    const heights = await rows
      .locator('tbody tr:not(.w-space)')
      .evaluateAll((all) => all.map((row) => row.getBoundingClientRect().height));
    expect(new Set(heights)).toEqual(new Set([37]));
    await rows.evaluate((element) => element.scrollTo({ top: element.scrollHeight / 2 }));
    await link('vm-00600').waitFor();
    await fine();
  }, 120_000);

  test('a certificate that has changed stops the provider; old and new are shown, and the new one can be trusted', async () => {
    const before = vcenter.certificate.sha256;
    vcenter.changeCertificate(await makeCertificate());
    await place('Providers').click();
    await ui.page.getByRole('row', { name: /vCenter Leeds.*Stopped.*another one/s }).waitFor(long);
    await fine();
    await link('vCenter Leeds').click();
    await ui.page.getByRole('tab', { name: 'Check' }).click();
    await button('Check now').click();
    await heading(/The certificate has changed/).waitFor(long);
    await shown(before).first().waitFor();
    await shown(vcenter.certificate.sha256).first().waitFor();
    await fine();
    await button('Trust the new certificate').click();
    await ui.page.getByText('Following', { exact: true }).waitFor(long);
    await heading(/The certificate has changed/).waitFor({ state: 'detached', ...long });
    expect(ui.complaints).toEqual([]);
  }, 300_000);

  test('a store lists what it cannot read with the reason', async () => {
    await writeFile(join(store, 'broken.ova'), 'this is no archive. '.repeat(100));
    await place('Providers').click();
    await link('Add provider').click();
    await ui.page.getByRole('radio', { name: 'OVA store' }).check();
    await button('Next').click();
    await field('Directory or URL').fill(store);
    await button('Next').click();
    await heading(/All is well/).waitFor(long);
    await button('Next').click();
    expect(await field('Name').inputValue()).toBe('store');
    await button('Add provider').click();
    await ui.page.getByText('Following', { exact: true }).waitFor(long);
    await ui.page.getByRole('tab', { name: 'Unreadable (1)' }).click(long);
    await heading(/broken\.ova/).waitFor();
    expect(await ui.page.getByText('What to do:').count()).toBeGreaterThan(0);
    await fine();
  }, 300_000);

  test('an OVA is uploaded: past a broken connection, and past a reload from where it was', async () => {
    const dir = join(ui.scratch, 'made');
    await mkdir(dir);
    const { path: made } = await buildDemoOva({ dir, token: 'upload', kind: 'kvm', dataMiB: 40 });
    const path = join(dir, 'uploaded.ova');
    await rename(made, path);
    const { size } = await stat(path);
    expect(size).toBeGreaterThan(2 * partBytes); // (control) it has more than two parts
    await ui.page.getByRole('tab', { name: 'Uploads' }).click();
    const offsets: number[] = [];
    ui.page.on('request', (request) => {
      const offset = /uploads\/.*offset=(\d+)/.exec(request.url())?.[1];
      if (offset !== undefined) offsets.push(Number(offset));
    });
    const choose = () => ui.page.locator('input[type=file]').first().setInputFiles(path);
    const second = `**/api/v1/uploads/*?offset=${partBytes}`;
    await ui.page.route(second, (route) => route.abort());
    await choose();
    await ui.page.getByText('the connection broke').first().waitFor(long);
    await fine();
    await ui.page.reload();
    await ui.page.getByText('not finished').first().waitFor(long);
    expect(await readdir(store)).not.toContain('uploaded.ova');
    await ui.page.unroute(second);
    await ui.page.route(second, (route) => route.abort(), { times: 1 });
    offsets.length = 0;
    await choose();
    await ui.page
      .getByText(/uploaded$/)
      .first()
      .waitFor(long);
    expect(offsets.slice(0, 2)).toEqual([partBytes, partBytes]);
    expect(offsets).not.toContain(0);
    expect(await readFile(join(store, 'uploaded.ova'))).toEqual(await readFile(path));
    await place('Virtual machines').click();
    await filter().fill('provider = store');
    await ui.page.keyboard.press('Escape');
    await ui.page.keyboard.press('Enter');
    await ui.page.getByText('1 found').waitFor(long);
    expect(ui.complaints).toEqual([]);
  }, 300_000);

  test('dark, light, wide and narrow: no text is hard to read and no page is wider than its window', async () => {
    for (const [path, title] of [
      ['/providers', 'Providers'],
      ['/vms', 'Virtual machines'],
      ['/providers/add', 'Add provider'],
    ] as const) {
      await ui.page.goto(`${ui.address}${path}`);
      for (const colorScheme of ['dark', 'light'] as const) {
        for (const width of [400, 1600]) {
          await ui.page.emulateMedia({ colorScheme });
          await ui.page.setViewportSize({ width, height: 900 });
          await ui.page.getByRole('heading', { name: title, level: 1 }).waitFor();
          expect(await faultsOf(ui.page), `${path} ${colorScheme} ${width}`).toEqual([]);
        }
      }
    }
    await ui.page.setViewportSize({ width: 1280, height: 900 });
  }, 120_000);

  test('removing asks first, and takes its VMs from the list', async () => {
    await place('Providers').click();
    await button('Actions for vCenter Leeds').click();
    await ui.page.getByRole('menuitem', { name: 'Remove' }).click();
    const dialog = ui.page.getByRole('dialog', { name: /Remove vCenter Leeds/ });
    await dialog.getByRole('button', { name: 'Keep it' }).click();
    await dialog.waitFor({ state: 'detached' });
    await button('Actions for vCenter Leeds').click();
    await ui.page.getByRole('menuitem', { name: 'Remove' }).click();
    await dialog.getByRole('button', { name: 'Remove provider' }).click();
    await link('vCenter Leeds').waitFor({ state: 'detached' });
    await place('Virtual machines').click();
    await filter().fill('name ~ vm-*');
    await ui.page.keyboard.press('Escape');
    await ui.page.keyboard.press('Enter');
    await heading('No VM fits the filter').waitFor();
    await fine();
    expect(ui.complaints).toEqual([]);
  }, 120_000);
});
