/** `wherry import` several times at once where no server runs: they share one, whichever started it, and it ends with the last. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type Client, createClient } from '../src/cli/client.ts';
import type { MigrationPage } from '../src/migration/api.ts';
import { homeAt } from '../src/home.ts';
import { runChild } from '../src/process/child.ts';
import { shareLock } from '../src/process/lock.ts';
import { processesOf, wherry } from './acceptance/product.ts';
import { buildOva } from './fixtures/ova/build.ts';

vi.setConfig({ testTimeout: 180_000 });
const MiB = 1024 * 1024;
const patience = { timeout: 60_000, interval: 50 };

type Ground = { readonly home: string; readonly source: string; readonly out: string; readonly client: Client };

async function newGround(): Promise<Ground> {
  const scratch = await mkdtemp(join(tmpdir(), 'wherry-together-'));
  const home = join(scratch, 'home');
  onTestFinished(async () => {
    for (const { pid } of await processesOf(scratch)) await runChild('kill', ['-KILL', String(pid)]).catch(() => '');
    await rm(scratch, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  const source = join(scratch, 'web.raw');
  const out = join(scratch, 'out');
  await mkdir(out);
  await writeFile(source, randomBytes(16 * MiB));
  return { home, source, out, client: createClient({ server: null, token: null, home }) };
}

function beginImport({ home, source, out }: Ground, name: string) {
  const words = ['import', source, '--to', 'files', '--dir', out, '--format', 'raw', '--conversion', 'never'];
  const child = spawn(wherry, [...words, '--name', name, '--home', home], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (part) => (said += String(part)));
  const ended = new Promise<{ code: number | null; said: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, said }));
  });
  return { name, child, ended };
}

const limit = ({ client }: Ground, bytesPerSecond: number | null): Promise<unknown> =>
  client.put('/limits', { limits: [{ scope: 'host', id: hostname(), bytesPerSecond }] });

/** Two, both at work, and slow enough that whoever is left has its server taken from under it, were it so. */
async function beginTwo(ground: Ground) {
  const imports = ['one', 'two'].map((name) => beginImport(ground, name));
  await expect.poll(() => ground.client.get('/session').catch(() => null), patience).not.toBeNull();
  await limit(ground, MiB);
  const begun = async (): Promise<number> => (await ground.client.get<MigrationPage>('/migrations')).items.length;
  await expect.poll(begun, patience).toBe(2);
  return imports;
}

async function expectDone({ ended }: ReturnType<typeof beginImport>): Promise<void> {
  const { code, said } = await ended;
  if (code !== 0) throw new Error(`it ended with ${code}: ${said}`);
}

const serverOf = async (home: string): Promise<number> => Number(await readFile(homeAt(home).lock, 'utf8'));

async function expectCopied({ source, out }: Ground, name: string): Promise<void> {
  await runChild('cmp', [source, join(out, `${name}-disk0.raw`)]);
}

test('two imports begun together share a server; KILL of the one that started it costs the other nothing', async () => {
  const ground = await newGround();
  const imports = await beginTwo(ground);
  const starter = await parentOf(await serverOf(ground.home));
  const killed = imports.find(({ child }) => child.pid === starter);
  const other = imports.find(({ child }) => child.pid !== starter);
  if (killed === undefined || other === undefined) throw new Error(`nobody of us started the server: ${starter}`);
  killed.child.kill('SIGKILL');
  expect((await killed.ended).code).toBeNull(); // control: it did not end before
  await limit(ground, null);
  await expectDone(other);
  await expectCopied(ground, other.name);
  // The last one waits for the server's end, though another has started it.
  expect(await processesOf(ground.home)).toEqual([]);
});

test('a shared server that is killed by KILL is started again by those who use it', async () => {
  const ground = await newGround();
  const imports = await beginTwo(ground);
  const killed = await serverOf(ground.home);
  process.kill(killed, 'SIGKILL');
  const again = (): Promise<unknown> => limit(ground, null).catch(() => null);
  await expect.poll(again, { ...patience, interval: 500 }).not.toBeNull();
  for (const each of imports) {
    await expectDone(each);
    await expectCopied(ground, each.name);
  }
  expect(await serverOf(ground.home)).not.toBe(killed); // control
  expect(await processesOf(ground.home)).toEqual([]);
});

test('a server that is killed by KILL while it starts is started again', async () => {
  const ground = await newGround();
  const one = beginImport(ground, 'one');
  await expect.poll(() => serverOf(ground.home).catch(() => 0), { ...patience, interval: 5 }).toBeGreaterThan(0);
  const killed = await serverOf(ground.home);
  process.kill(killed, 'SIGKILL');
  await expectDone(one);
  expect(await serverOf(ground.home)).not.toBe(killed); // control
  await expectCopied(ground, 'one');
});

test('a list that is asked for while the server of an import stops waits for its end, and has one of its own', async () => {
  const ground = await newGround();
  const { home, source } = ground;
  const appliance = join(home, '..', 'suite.ova');
  await buildOva({ path: appliance, vmName: 'suite', disks: [{ file: source, format: 'raw' }] });
  const first = beginImport(ground, 'one');
  await expect.poll(() => ground.client.get('/session').catch(() => null), patience).not.toBeNull();
  const server = await serverOf(ground.home);
  await expect.poll(() => isStopping(ground.home), { ...patience, interval: 5 }).toBe(true);
  const second = runChild(wherry, ['list', appliance, '--json', '--home', home], { timeoutMs: 90_000 });
  // It has done its work, and only waits: an interrupt cancels nothing.
  first.child.kill('SIGINT');
  expect((await first.ended).said).not.toContain('canceling');
  expect(JSON.parse(await second)).toMatchObject([{ name: 'suite', diskCount: 1 }]);
  expect(await serverOf(ground.home)).not.toBe(server);
  await expect(ground.client.get('/session')).rejects.toMatchObject({ code: 'client.unreachable' });
  await expectCopied(ground, 'one');
});

test('a home that cannot be written is said, with what to do', async () => {
  const ground = await newGround();
  await mkdir(homeAt(ground.home).users, { recursive: true }); // root may write everywhere, but not this
  const { code, said } = await beginImport(ground, 'one').ended;
  expect({ code, said }).toMatchObject({ code: 1, said: expect.stringContaining('[client.home]') });
  expect(said).toContain(`${ground.home}, `);
});

/** Whether its server has seen that nobody uses it, and holds the users' lock alone. */
function isStopping(home: string): boolean {
  const shared = shareLock(homeAt(home).users, 0);
  shared?.release();
  return shared === null;
}

/** The process that started this one. */
async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}
