/** Ends a child together with all that it has started. The child must lead its process group (`setsid`). */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../process/child.ts';

/** The killed need a moment; zombies that nobody reaps count as members for ever, so this wait is bounded. */
const killMs = 2_000;

/** TERM to all, and KILL for whoever is left after `graceMs`. Resolves when the group is gone and the child reaped. */
export async function endGroup(child: Child, graceMs = 3_000): Promise<void> {
  send(child, 'SIGTERM');
  for (let waited = 0; waited < graceMs && send(child, 0); waited += 50) await sleep(50);
  for (let waited = 0; waited < killMs && send(child, 'SIGKILL'); waited += 20) await sleep(20);
  await child.exited;
}

/** False when nobody is left. Before `setsid` has run there is no group yet: then the child itself is meant. */
function send(child: Child, signal: NodeJS.Signals | 0): boolean {
  const running = child.process.exitCode === null && child.process.signalCode === null;
  for (const target of running ? [-child.pid, child.pid] : [-child.pid]) {
    try {
      return process.kill(target, signal);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
  return false;
}
