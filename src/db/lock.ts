/**
 * One process at a time: an advisory lock on a file, held by the kernel for as long as our descriptor is open, so that it
 * ends with us however we end. Node cannot lock; `flock` (util-linux) locks the description that it is given.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { WherryError } from '../model/errors.ts';

export type Lock = { release(): void };

/** @throws server.already_running */
export function lockHome(path: string, home: string): Lock {
  const file = openSync(path, 'a+', 0o600);
  const { status, error } = spawnSync('flock', ['--nonblock', '3'], { stdio: ['ignore', 'ignore', 'ignore', file] });
  if (status === 0) {
    ftruncateSync(file);
    writeSync(file, `${process.pid}\n`);
    return { release: () => closeSync(file) };
  }
  closeSync(file);
  if (error !== undefined) throw error;
  throw new WherryError('server.already_running', { home, pid: readFileSync(path, 'utf8').trim() || 'unknown' });
}
