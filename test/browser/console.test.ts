import { copyFile, mkdir, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { VmMigrationSpec } from '../../src/model/spec.ts';
import { ovaSpec } from '../acceptance/appliance-spec.ts';
import { buildDemoOva } from '../peers/guest/appliance.ts';
import { faultsOf } from './accessible.ts';
import { chromiumPath, openConsole, type TestConsole } from './console.ts';

const password = 'a-long-enough-one';
const without = chromiumPath === undefined ? ' (there is no Chromium here)' : '';

describe.skipIf(chromiumPath === undefined)(`the console in a browser, on the real server${without}`, () => {
  let ui: TestConsole;
  beforeAll(async () => {
    ui = await openConsole();
  }, 120_000);
  afterAll(() => ui?.[Symbol.asyncDispose](), 60_000);

  const heading = (name: string | RegExp) => ui.page.getByRole('heading', { name, exact: typeof name === 'string' });
  const button = (name: string | RegExp) => ui.page.getByRole('button', { name });
  const go = (path: string) => ui.page.goto(`${ui.address}${path}`);
  const link = (name: string) => ui.page.getByRole('link', { name, exact: true });
  /** A VM of an OVA that is at `from`, to a directory of this test's own. */
  const spec = async (from: string, name: string): Promise<VmMigrationSpec> => {
    const directory = join(ui.scratch, 'out', name);
    await mkdir(directory, { recursive: true });
    return ovaSpec(from, { type: 'files', directory, format: 'qcow2', networks: {} });
  };
  const missing = (): Promise<VmMigrationSpec> => spec(join(ui.scratch, 'there-is-none.ova'), 'missing');
  const guest = async (kind: 'kvm' | 'debian'): Promise<string> => {
    const dir = join(ui.scratch, kind);
    await mkdir(dir);
    return (await buildDemoOva({ dir, token: kind, kind, dataMiB: 48 })).path;
  };
  beforeEach(() => {
    ui.complaints.length = 0;
  });

  test('the first visitor sets Wherry up with the token, after being told what is wrong with the form', async () => {
    await go('/');
    await heading('Set up Wherry').waitFor();
    expect(await faultsOf(ui.page)).toEqual([]);
    await ui.page.getByLabel('Set-up token').fill('wherry_setup_wrong');
    await ui.page.getByLabel('New password').fill('short');
    await button('Create the administrator').click();
    expect(await ui.page.getByLabel('New password').getAttribute('aria-invalid')).toBe('true');
    await ui.page.getByLabel('New password').fill(password);
    await button('Create the administrator').click();
    await heading(/token/).waitFor(); // the server's own words
    await ui.page.getByLabel('Set-up token').fill(ui.setupToken);
    await button('Create the administrator').click();
    await heading('No migrations yet').waitFor();
    expect(await faultsOf(ui.page)).toEqual([]);
    expect(ui.complaints).toEqual([]);
  }, 60_000);

  test('signing out and in, with a wrong password in between, works by keyboard alone', async () => {
    await button('Sign out').click();
    await heading('Sign in to Wherry').waitFor();
    const cookies = await ui.context.cookies();
    expect(cookies).toEqual([]);
    await ui.page.keyboard.type('admin');
    await ui.page.keyboard.press('Tab');
    await ui.page.keyboard.type('not-the-one');
    await ui.page.keyboard.press('Enter');
    await heading(/password/).waitFor();
    expect(await faultsOf(ui.page)).toEqual([]);
    await ui.page.getByLabel('Password').fill(password);
    await ui.page.keyboard.press('Enter');
    await heading('No migrations yet').waitFor();
    expect(await ui.context.cookies()).toMatchObject([{ httpOnly: true, sameSite: 'Lax', path: '/' }]);
    expect(ui.complaints).toEqual([]);
  }, 60_000);

  test('while nothing happens nothing is asked, and a change is shown within a second', async () => {
    await ui.page.getByText('Live', { exact: true }).waitFor();
    await ui.page.waitForTimeout(1_000); // what the opening of the stream reads
    const asked: string[] = [];
    const note = (request: { url(): string }): void => void asked.push(request.url());
    ui.page.on('request', note);
    await ui.page.waitForTimeout(3_000);
    expect(asked).toEqual([]);
    // The quickest of three: what is measured is the way of a change, not how busy the machine is.
    const took: number[] = [];
    for (const name of ['first', 'second', 'third']) {
      await ui.migrate(name, await missing());
      const since = performance.now();
      await link(name).waitFor();
      took.push(performance.now() - since);
    }
    ui.page.off('request', note);
    expect(Math.min(...took)).toBeLessThan(1_000);
    expect(asked.length).toBeGreaterThan(0); // (control) requests are seen
  }, 60_000);

  test('a migration that fails shows why and what to do, in the overview and on its page', async () => {
    await ui.page
      .getByRole('heading', { name: /VM there-is-none/ })
      .first()
      .waitFor();
    expect(await ui.page.getByText('What to do:').count()).toBeGreaterThan(0);
    const unfinished = await guest('kvm');
    const broken = join(ui.scratch, 'broken.ova');
    const { size } = await stat(unfinished);
    await copyFile(unfinished, broken);
    await truncate(broken, Math.floor(size / 2));
    await ui.migrate('Broken', await spec(broken, 'broken'));
    await ui.page.getByRole('row', { name: /Broken.*Failed/ }).waitFor();
    expect(await faultsOf(ui.page)).toEqual([]);
    await link('Broken').click();
    await heading('Broken').waitFor();
    await heading(/broken\.ova is cut off/).waitFor();
    await ui.page.getByRole('row', { name: /Preflight failed/ }).waitFor();
    await ui.page.getByRole('row', { name: /Undo done/ }).waitFor();
    expect(await ui.page.title()).toBe('Broken · Wherry');
    expect(await faultsOf(ui.page)).toEqual([]);
    expect(ui.complaints).toEqual([]);
  }, 90_000);

  test('a running migration finishes before one’s eyes, without a reload', async () => {
    await link('Migrations').click();
    const loads: string[] = [];
    ui.page.on('load', () => loads.push('again'));
    await ui.migrate('Good', await spec(join(ui.scratch, 'kvm', 'wherry-demo.ova'), 'good'));
    await ui.page.getByRole('article', { name: 'Good' }).waitFor();
    await link('Good').click();
    await ui.page.getByText('Completed', { exact: true }).waitFor({ timeout: 120_000 });
    for (const step of [/Copy done/, /Convert not needed/, /Verify done/, /Create VM done/]) {
      await ui.page.getByRole('row', { name: step }).waitFor();
    }
    await ui.page
      .getByRole('row', { name: /Hard Disk|Disk1|disk1/ })
      .first()
      .waitFor();
    await button('Show log').click();
    await ui.page
      .getByRole('region', { name: /Log of/ })
      .getByText(/succeeded/)
      .first()
      .waitFor();
    const downloading = ui.page.waitForEvent('download');
    await ui.page.getByRole('link', { name: 'Download log' }).click();
    expect((await downloading).suggestedFilename()).toMatch(/\.log$/);
    expect(await faultsOf(ui.page)).toEqual([]);
    expect(loads).toEqual([]);
    expect(ui.complaints).toEqual([]);
  }, 90_000);

  test('canceling asks first, then undoes what was done; nothing of it stays', async () => {
    await ui.migrate('Doomed', await spec(await guest('debian'), 'doomed'));
    await link('Migrations').click();
    await link('Doomed').click();
    await ui.page.getByRole('row', { name: /Convert .*%|Convert running/ }).waitFor({ timeout: 120_000 });
    await button('Cancel migration').click();
    const dialog = ui.page.getByRole('dialog', { name: /Cancel migration Doomed/ });
    await dialog.getByRole('button', { name: 'Let it run' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect(await button('Cancel migration').isVisible()).toBe(true);
    await button('Cancel migration').click();
    await dialog.getByRole('button', { name: 'Cancel migration' }).click();
    await ui.page.getByText('Canceled', { exact: true }).first().waitFor({ timeout: 120_000 });
    expect(await ui.page.getByRole('button', { name: 'Cancel migration' }).count()).toBe(0);
    expect(await readdir(join(ui.scratch, 'out', 'doomed'))).toEqual([]);
    expect(ui.complaints).toEqual([]);
  }, 120_000);

  test('dark, light, wide and narrow: no text is hard to read and no page is wider than its window', async () => {
    for (const path of ['/', '/workers']) {
      await go(path);
      for (const colorScheme of ['dark', 'light'] as const) {
        for (const width of [400, 800, 1600]) {
          await ui.page.emulateMedia({ colorScheme });
          await ui.page.setViewportSize({ width, height: 900 });
          await heading(path === '/' ? 'Migrations' : 'Workers').waitFor();
          expect(await faultsOf(ui.page), `${path} ${colorScheme} ${width}`).toEqual([]);
        }
      }
    }
    await ui.page.setViewportSize({ width: 1280, height: 900 });
  }, 60_000);

  test('a page that is open says so while the server is away, and goes on by itself when it is back', async () => {
    await go('/');
    await link('Good').waitFor();
    await ui.stopServer();
    await ui.page.getByText('The server does not answer').first().waitFor();
    expect(await link('Good').isVisible()).toBe(true); // what is known stays
    await ui.startServer();
    await ui.page.getByText('The server does not answer').first().waitFor({ state: 'detached', timeout: 90_000 });
    await ui.migrate('Afterwards', await missing());
    await link('Afterwards').waitFor();
    expect(ui.complaints).toEqual([]);
  }, 120_000);

  test('a session that has ended leads to the sign-in and back to where one was', async () => {
    await link('Workers').click();
    await heading('Workers').waitFor();
    await ui.context.clearCookies();
    await ui.migrate('While away', await missing());
    await ui.page.getByText('Your session has ended').waitFor();
    await ui.page.getByLabel('User').fill('admin');
    await ui.page.getByLabel('Password').fill(password);
    await button('Sign in').click();
    await heading('Workers').waitFor();
    expect(new URL(ui.page.url()).pathname).toBe('/workers');
    await link('Overview').click();
    await link('While away').waitFor();
    await button('Sign out').click();
    await heading('Sign in to Wherry').waitFor();
    expect(ui.complaints).toEqual([]);
  }, 60_000);
});
