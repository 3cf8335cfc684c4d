/** One server per home: a lock that the kernel holds for it. */
import { WherryError } from '../model/errors.ts';
import { type Lock, takeLock } from '../process/lock.ts';

/** @throws server.already_running */
export function lockHome(path: string, home: string): Lock {
  const lock = takeLock(path);
  if ('heldBy' in lock) throw new WherryError('server.already_running', { home, pid: lock.heldBy });
  return lock;
}
