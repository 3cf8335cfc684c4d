/**
 * The list of 50,000 VMs in Chromium, on the real server: how long until its first rows stand there, and how long rows are
 * missing while somebody turns the wheel. What is missing is looked for in every frame, at five heights of the list.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { openConsole } from '../test/browser/console.ts';
import { createTestDatabase } from '../src/db/testing.ts';
import type { Row } from './measure.ts';
import type { Bench } from './result.ts';
import { fill } from './search-vms.ts';

const vms = 50_000;
const opened = 5;
/** Turns of a wheel, of 120 pixels each, at most 30 a second: up to 100 rows a second. */
const turns = 300;
const turnPx = 120;
const betweenMs = 33;

export const consoleTable: Bench = async () => {
  const database = await createTestDatabase();
  try {
    await fill(database.db, vms, 5);
    // There are no such systems: nobody has to look for them.
    await database.db.pool.query("update provider set state = 'stopped'");
    const { host, user, database: name } = database.connection;
    process.env['WHERRY_DATABASE_URL'] = `postgres://${user}@/${name}?host=${encodeURIComponent(String(host))}`;
    return await look();
  } finally {
    delete process.env['WHERRY_DATABASE_URL'];
    await database.close();
  }
};

async function look(): ReturnType<Bench> {
  await using ui = await openConsole();
  const { page } = ui;
  await page.goto(ui.address);
  await page.getByLabel('Set-up token').fill(ui.setupToken);
  await page.getByLabel('New password').fill('a-long-enough-one');
  await page.getByRole('button', { name: 'Create the administrator' }).click();
  await page.getByRole('heading', { name: 'Migrations', exact: true }).waitFor();
  const firstMs: number[] = [];
  for (let round = 0; round < opened; round += 1) {
    await page.goto(ui.address); // so that nothing is kept of the time before
    await page.getByRole('heading', { name: 'Migrations', exact: true }).waitFor();
    firstMs.push(Number(await page.evaluate(openList)));
  }
  await page.getByText(`${vms.toLocaleString('en-US')} VMs`).waitFor();
  await page.locator('.w-rows').hover();
  await page.evaluate(watchFrames);
  const began = performance.now();
  for (let turn = 0; turn < turns; turn += 1) {
    await Promise.all([page.mouse.wheel(0, turnPx), sleep(betweenMs)]);
  }
  const scrolledMs = performance.now() - began;
  const seen = (await page.evaluate('window.stopWatching()')) as Record<'blankMs' | 'frameMs' | 'rows', number>;
  const { blankMs } = seen;
  const jumpsMs: number[] = [];
  for (const part of [0.5, 0.9, 0.2]) jumpsMs.push(Number(await page.evaluate(`${jump}(${part})`)));
  await control(page);
  const rows = firstMs.map((ms, round) => row(`first rows, opened ${round + 1}`, ms));
  rows.push(row(`${seen.rows} rows scrolled in`, scrolledMs), row('longest blank meanwhile', blankMs));
  // A page that waits for its script shows what it has drawn ahead: told, because the look at each frame waits as well.
  rows.push(row('longest frame meanwhile', seen.frameMs));
  // Nobody has read the rows there before: shown, and part of no promise.
  rows.push(row('rows after a jump, slowest', Math.max(...jumpsMs)));
  return {
    rows,
    findings: [
      { what: `first rows of ${vms} VMs, slowest of ${opened}`, value: Math.max(...firstMs), limit: 1_000, unit: 'ms' },
      { what: 'longest time that a row was missing', value: blankMs, limit: 50, unit: 'ms' },
    ],
  };
}

/** Rows that come late on purpose are seen to be missing; or "nothing was missing" would say nothing. */
async function control(page: Page): Promise<void> {
  const lateMs = 400;
  await page.route(/inventory\/vms\?/, async (route) => {
    await sleep(lateMs);
    await route.continue();
  });
  await page.evaluate(watchFrames);
  await page.evaluate(`${jump}(0.7)`);
  const { blankMs } = (await page.evaluate('window.stopWatching()')) as { readonly blankMs: number };
  if (blankMs < lateMs / 2) throw new Error(`rows were missing for ${lateMs} ms, and ${blankMs} ms of it were seen`);
}

// Texts, because they run in the page: our own functions are not there.
const openList = `new Promise((resolve) => {
  const began = performance.now();
  for (const link of document.querySelectorAll('nav a')) if (link.textContent === 'Virtual machines') link.click();
  const look = () => {
    const isThere = document.querySelector('.w-vm-table tbody a') !== null && location.pathname === '/vms';
    if (isThere) requestAnimationFrame(() => resolve(performance.now() - began));
    else requestAnimationFrame(look);
  };
  look();
})`;

const watchFrames = `{
  const list = document.querySelector('.w-rows');
  const before = list.scrollTop;
  let blankSince = null;
  let longest = 0;
  let longestFrame = 0;
  let last = performance.now();
  let runs = true;
  const frame = (now) => {
    longestFrame = Math.max(longestFrame, now - last);
    last = now;
    const { left, top, height } = list.getBoundingClientRect();
    const isBlank = [0.1, 0.3, 0.5, 0.7, 0.95].some((part) => {
      const row = document.elementFromPoint(left + 40, top + height * part)?.closest('tr');
      return row == null || row.matches('.w-space, .w-row-coming');
    });
    if (!isBlank) blankSince = null;
    else {
      blankSince ??= now;
      longest = Math.max(longest, now - blankSince + 1000 / 60);
    }
    if (runs) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  window.stopWatching = () => {
    runs = false;
    const rowPx = list.querySelector('tbody tr:not(.w-space)').offsetHeight;
    return { blankMs: longest, frameMs: longestFrame, rows: Math.round((list.scrollTop - before) / rowPx) };
  };
  null;
}`;

const jump = `((part) => new Promise((resolve) => {
  const list = document.querySelector('.w-rows');
  const began = performance.now();
  list.scrollTop = list.scrollHeight * part;
  const { left, top, height } = list.getBoundingClientRect();
  const look = () => {
    const row = document.elementFromPoint(left + 40, top + height / 2)?.closest('tr');
    if (row != null && !row.matches('.w-space, .w-row-coming')) resolve(performance.now() - began);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}))`;

function row(name: string, ms: number): Row {
  return { name, wallSeconds: ms / 1_000, cpuSeconds: 0, peakMiB: 0, sumMiB: 0, runs: [] };
}
