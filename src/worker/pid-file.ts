/**
 * Who the worker of a home is: the worker writes it itself once it holds the home's lock, so that two that were started at
 * once (a server died just after it started one) never both count. A pid alone says nothing, pids are used again; the
 * process's start time (/proc/PID/stat, field 22) beside it does.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { type Lock, takeLock } from '../process/lock.ts';

const pidFile = (home: string): string => `${home}/worker.pid`;

/** Becomes the home's worker, until the lock is released or this process ends; or says who is. */
export async function becomeWorkerOf(home: string): Promise<Lock | { readonly heldBy: string }> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const lock = takeLock(`${home}/worker.lock`);
  if ('heldBy' in lock) return lock;
  const text = `${process.pid} ${(await startTimeOf(process.pid)) ?? ''}\n`;
  await writeFile(`${pidFile(home)}.new`, text, { mode: 0o600 });
  await rename(`${pidFile(home)}.new`, pidFile(home));
  return lock;
}

/** The pid of the worker that the pid file names, when it really is still that process. */
export async function runningWorker(home: string): Promise<number | null> {
  const text = await readFile(pidFile(home), 'utf8').catch(() => '');
  const [pid, startTime] = text.trim().split(' ');
  if (pid === undefined || startTime === undefined || startTime === '') return null;
  return (await startTimeOf(Number(pid))) === startTime ? Number(pid) : null;
}

/** Null when there is no such process, or only its remains (a zombie). */
export async function startTimeOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the name in parentheses and may hold anything: count from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === undefined || fields[0] === 'Z' || fields[0] === '') return null;
  return fields[19] ?? null;
}
