/** `wherry import` several times at once where no server runs: they share one, whichever started it, and it ends with the last. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createClient } from '../src/cli/client.ts';
import type { MigrationPage } from '../src/migration/api.ts';
import { runChild } from '../src/process/child.ts';
import { processesOf, wherry } from './acceptance/product.ts';

const MiB = 1024 * 1024;
const patience = { timeout: 60_000, interval: 50 };

test('two imports begun together share a server; KILL of the one that started it costs the other nothing', async () => {
  const scratch = await mkdtemp(join(tmpdir(), 'wherry-together-'));
  const home = join(scratch, 'home');
  onTestFinished(async () => {
    for (const { pid } of await processesOf(scratch)) process.kill(pid, 'SIGKILL');
    await rm(scratch, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  const source = join(scratch, 'web.raw');
  const out = join(scratch, 'out');
  await mkdir(out);
  await writeFile(source, randomBytes(16 * MiB));
  const imports = ['one', 'two'].map((name) => {
    const words = ['import', source, '--to', 'files', '--dir', out, '--format', 'raw', '--conversion', 'never'];
    const child = spawn(wherry, [...words, '--name', name, '--home', home], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (part) => (said += String(part)));
    const ended = new Promise<{ code: number | null; said: string }>((resolve) => {
      child.on('close', (code) => resolve({ code, said }));
    });
    return { name, child, ended };
  });
  const client = createClient({ server: null, token: null, home });
  await expect.poll(() => client.get('/session').catch(() => null), patience).not.toBeNull();
  // Slow enough that the one who is left has its server taken from under it, were it so.
  const limit = (bytesPerSecond: number | null): Promise<unknown> =>
    client.put('/limits', { limits: [{ scope: 'host', id: hostname(), bytesPerSecond }] });
  await limit(MiB);
  await expect.poll(async () => (await client.get<MigrationPage>('/migrations')).items.length, patience).toBe(2);

  const starter = await starterOf(home);
  const killed = imports.find(({ child }) => child.pid === starter);
  const other = imports.find(({ child }) => child.pid !== starter);
  if (killed === undefined || other === undefined) throw new Error(`nobody of us started the server: ${starter}`);
  killed.child.kill('SIGKILL');
  expect((await killed.ended).code).toBeNull(); // control: it did not end before
  await limit(null);
  expect(await other.ended).toMatchObject({ code: 0 });
  await runChild('cmp', [source, join(out, `${other.name}-disk0.raw`)]);
  await expect.poll(() => processesOf(home), patience).toEqual([]);
}, 180_000);

/** The process that started the server which runs in this home. */
async function starterOf(home: string): Promise<number> {
  const pid = (await readFile(join(home, 'server.lock'), 'utf8')).trim();
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}
