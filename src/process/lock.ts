/**
 * One process at a time: an advisory lock on a file, held by the kernel for as long as our descriptor is open, so that it
 * ends with us however we end. Node cannot lock; `flock` (util-linux) locks the description that it is given. Programs
 * that we start do not inherit it.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';

export type Lock = { release(): void };

/**
 * The lock, or who has it: `heldBy` is what the holder wrote into the file (its pid), or "unknown".
 * @throws what opening the file or starting `flock` throws.
 */
export function takeLock(path: string): Lock | { readonly heldBy: string } {
  const file = openSync(path, 'a+', 0o600);
  const { status, error } = spawnSync('flock', ['--nonblock', '3'], { stdio: ['ignore', 'ignore', 'ignore', file] });
  if (status === 0) {
    ftruncateSync(file);
    writeSync(file, `${process.pid}\n`);
    return { release: () => closeSync(file) };
  }
  closeSync(file);
  if (error !== undefined) throw error;
  return { heldBy: readFileSync(path, 'utf8').trim() || 'unknown' };
}
