/**
 * How much of the time the main thread wanted a CPU: running, or waiting on the run queue because others have the CPUs.
 * Linux tells both per thread (schedstat, nanoseconds); elsewhere the event loop's utilization stands in for it.
 */
import { closeSync, openSync, readSync } from 'node:fs';

/** Returns the share (0 to 1) since its last call; `elapsedMs` is the time since then. */
export type BusyMeter = (elapsedMs: number) => number;

export function createBusyMeter(): BusyMeter {
  let before = runnableMs();
  let loop = performance.eventLoopUtilization();
  return (elapsedMs) => {
    const after = runnableMs();
    const nextLoop = performance.eventLoopUtilization();
    const utilization = performance.eventLoopUtilization(nextLoop, loop).utilization;
    const share = before === null || after === null ? utilization : (after - before) / Math.max(elapsedMs, 1);
    before = after;
    loop = nextLoop;
    return Math.max(0, Math.min(1, share));
  };
}

const text = Buffer.alloc(128);

/** On-CPU plus run-queue time of the calling process's main thread; null where the kernel does not tell. */
function runnableMs(): number | null {
  try {
    // The main thread's id is the process's.
    const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
    try {
      const length = readSync(file, text, 0, text.length, 0);
      const [running = Number.NaN, waiting = Number.NaN] = text.toString('latin1', 0, length).split(' ').map(Number);
      return Number.isNaN(running + waiting) ? null : (running + waiting) / 1e6;
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}
