import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { takeLock } from './lock.ts';

async function lockFile(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-lock-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'lock');
}

test('the second one is refused and learns who has it; after a release it gets it', async () => {
  const path = await lockFile();
  const first = takeLock(path);
  expect(takeLock(path)).toEqual({ heldBy: String(process.pid) });
  if ('heldBy' in first) throw new Error('the first got no lock');
  first.release();
  const again = takeLock(path);
  expect(again).toHaveProperty('release');
  if ('release' in again) again.release();
});

test('KILL of the holder frees it, though a program that it started lives on', async () => {
  const path = await lockFile();
  const code = `
    import { takeLock } from ${JSON.stringify(new URL('lock.ts', import.meta.url).href)};
    import { spawn } from 'node:child_process';
    takeLock(${JSON.stringify(path)});
    const child = spawn('sleep', ['30'], { detached: true, stdio: 'ignore' });
    console.log(child.pid);
    setInterval(() => undefined, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(holder.stdout, 'data')) as [Buffer];
  const sleeper = Number(line.toString().trim());
  onTestFinished(() => {
    process.kill(sleeper, 'SIGKILL');
  });
  expect(takeLock(path)).toEqual({ heldBy: String(holder.pid) });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const mine = takeLock(path);
  expect(mine).toHaveProperty('release');
  if ('release' in mine) mine.release();
});
