/**
 * Advisory locks on files, held by the kernel for as long as our descriptor is open, so that they end with us however we
 * end. Node cannot lock; `flock` (util-linux) locks the description that it is given. Programs that we start do not
 * inherit it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export type Lock = { release(): void };

const againMs = 500;

/**
 * The lock for one process at a time, or who has it: `heldBy` is what the holder wrote into the file (its pid), or
 * "unknown".
 * @throws what opening the file or starting `flock` throws.
 */
export function takeLock(path: string): Lock | { readonly heldBy: string } {
  const file = openSync(path, 'a+', 0o600);
  if (!locked(file, '--exclusive', '--nonblock')) {
    closeSync(file);
    return { heldBy: readFileSync(path, 'utf8').trim() || 'unknown' };
  }
  ftruncateSync(file);
  writeSync(file, `${process.pid}\n`);
  return { release: () => closeSync(file) };
}

/**
 * One of any number of holders; null when somebody holds it alone for longer than `waitSeconds`.
 * @throws what opening the file or starting `flock` throws.
 */
export function shareLock(path: string, waitSeconds: number): Lock | null {
  const file = openSync(path, 'a+', 0o600);
  if (locked(file, '--shared', `--timeout=${waitSeconds}`)) return { release: () => closeSync(file) };
  closeSync(file);
  return null;
}

/**
 * Resolves when nobody shares it any more; held alone from then on until we end. Keeps no process from ending.
 * @throws what opening the file or starting `flock` throws.
 */
export async function whenUnshared(path: string): Promise<void> {
  const file = openSync(path, 'a+', 0o600);
  for (;;) {
    const waiting = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'flock', '--exclusive', '3'], {
      stdio: ['ignore', 'ignore', 'ignore', file],
    });
    waiting.unref();
    const [code] = (await once(waiting, 'exit')) as [number | null];
    if (code === 0) return;
    // Somebody has ended the one that waits: whoever depends on it must not wait for ever.
    await sleep(againMs, undefined, { ref: false });
  }
}

function locked(file: number, ...how: readonly string[]): boolean {
  const { status, error } = spawnSync('flock', [...how, '3'], { stdio: ['ignore', 'ignore', 'ignore', file] });
  if (error !== undefined) closeSync(file);
  if (error !== undefined) throw error;
  return status === 0;
}
