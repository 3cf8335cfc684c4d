import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { shareLock, takeLock, whenUnshared } from './lock.ts';

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

test('who waits until nobody shares it has it alone when the last has let go, also when its waiting was ended by KILL', async () => {
  const path = await lockFile();
  const users = [shareLock(path, 0), shareLock(path, 0)];
  expect(users).not.toContain(null);
  let isAlone = false;
  const alone = whenUnshared(path).then(() => (isAlone = true));
  await expect.poll(() => waitersOf(path)).toHaveLength(1);
  for (const pid of await waitersOf(path)) process.kill(pid, 'SIGKILL');
  users[0]?.release();
  const third = shareLock(path, 0);
  expect(third).not.toBeNull(); // one that waits keeps nobody out
  users[1]?.release();
  expect(isAlone).toBe(false);
  third?.release();
  await alone;
  expect(shareLock(path, 0)).toBeNull();
});

/**
 * Programs that wait for this lock. In a PID namespace /proc/locks tells nothing of them, because the program that took the
 * shared lock for us has ended.
 */
async function waitersOf(path: string): Promise<number[]> {
  const waiting: number[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const file = await readlink(`/proc/${pid}/fd/3`).catch(() => '');
    if (command.startsWith('flock\0--exclusive') && file === path) waiting.push(Number(pid));
  }
  return waiting;
}
