import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runChild } from '../../src/process/child.ts';

const demo = join(import.meta.dirname, 'demo.ts');

/** A process that does nothing but have `word` in its command line. */
async function idle(word: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)', word]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

test('--stop ends the server of the demo, and nothing that has got its number since', async () => {
  const home = await mkdtemp(join(tmpdir(), 'wherry-demo-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const stop = async ({ pid }: ChildProcess): Promise<void> => {
    const state = { server: pid, address: '', daemons: [pid], pool: false, vms: [] };
    await writeFile(join(home, 'demo.json'), JSON.stringify(state));
    await runChild(process.execPath, [demo, '--stop'], { env: { WHERRY_HOME: home }, timeoutMs: 60_000 });
  };
  const ours = await idle(home);
  const other = await idle('/somewhere/else');
  await stop(other);
  expect(other.signalCode).toBeNull();
  await expect(access(home)).rejects.toMatchObject({ code: 'ENOENT' });
  await mkdir(home);
  const ended = once(ours, 'exit');
  await stop(ours);
  expect(await ended).toEqual([null, 'SIGTERM']); // control
});
