/**
 * Whether acting outside is allowed, inside the process that acts. The worker does not say "stop": it says until when its
 * last answered heartbeat lets us act, so that a worker that hangs, or is stopped, need not say anything for it to end.
 *
 * Times are of the machine's own clock since it was started (`os.uptime`): the same for all its processes, never set back,
 * and it goes on while the machine sleeps.
 */
import { uptime } from 'node:os';

export function machineMs(): number {
  return uptime() * 1000;
}

export type ActingGate = {
  /** Resolves when acting is allowed; waits while it is not. Rejects with the signal's reason. */
  pass(signal: AbortSignal): Promise<void>;
  /** Acting is allowed until then, and no longer than that, whatever was said before. */
  openUntil(untilMs: number): void;
};

/** Closed until it is told otherwise. */
export function newActingGate(nowMs: () => number = machineMs): ActingGate {
  let until = Number.NEGATIVE_INFINITY;
  let changed = Promise.withResolvers<void>();
  return {
    pass: async (signal) => {
      signal.throwIfAborted();
      while (nowMs() >= until) {
        const canceled = Promise.withResolvers<void>();
        const onAbort = (): void => canceled.resolve();
        signal.addEventListener('abort', onAbort, { once: true });
        await Promise.race([changed.promise, canceled.promise]);
        signal.removeEventListener('abort', onAbort);
        signal.throwIfAborted();
      }
    },
    openUntil: (untilMs) => {
      until = untilMs;
      changed.resolve();
      changed = Promise.withResolvers();
    },
  };
}
