/**
 * Without root there is no PID namespace that could take a VM migration's whole tree along (it needs a user namespace
 * around it, in which root's files look like nobody's: the appliance that supermin makes of them does not boot, and some
 * systems forbid it). `--pdeathsig` takes our own children; what they start (virt-v2v its qemu-nbd, which detaches itself)
 * is known by a mark in its environment, and killed
 *   - by the worker when the child ends, and when a worker starts again,
 *   - by a watcher of a few hundred kB beside each child, should there be no worker any more.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Kept by all programs that we start (process/child.ts), and by what they start. */
export const treeMark = 'WHERRY_TREE';

/** New with every child: a watcher of the one before must not end the next. */
export function newMark(directory: string): string {
  return `${directory}/${randomUUID()}`;
}

const goneMs = 10_000;

/** KILLs all processes whose mark begins like this, and waits until they are gone. */
export async function endStrays(prefix: string): Promise<void> {
  for (const until = performance.now() + goneMs; performance.now() < until; await sleep(10)) {
    const pids = await marked(prefix);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // ended just now
      }
    }
  }
}

async function marked(prefix: string): Promise<number[]> {
  const wanted = `${treeMark}=${prefix}`;
  const found = (await readdir('/proc'))
    .filter((name) => /^\d+$/.test(name))
    .map(async (name) => {
      const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => ''); // empty for a zombie
      return environment.split('\0').some((each) => each.startsWith(wanted)) ? [Number(name)] : [];
    });
  return (await Promise.all(found)).flat().filter((pid) => pid !== process.pid);
}

/** Waits for the end of its standard input, then kills by the mark, several times: who forks meanwhile is found later. */
const script = `
while read -r _; do :; done
for round in 1 2 3 4 5; do
  for file in $(grep -lzxF -e "$0" /proc/[0-9]*/environ 2>/dev/null); do
    pid=\${file#/proc/}
    kill -9 "\${pid%/environ}" 2>/dev/null
  done
  sleep 0.2
done`;

/** Called in the child itself: when it ends, however it does, all that carries its mark ends. */
export function watchOwnTree(): void {
  const mark = process.env[treeMark];
  if (mark === undefined) return;
  const watcher = spawn('/bin/sh', ['-c', script, `${treeMark}=${mark}`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: '/usr/bin:/bin' },
  });
  watcher.on('error', () => undefined); // the worker still does it
  watcher.stdin.on('error', () => undefined);
  watcher.unref();
}
