/** Trying again what may pass, with growing, jittered pauses; bounded by count and time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WherryError } from '../model/errors.ts';
import { isAway } from '../model/system-errors.ts';

export { systemCode } from '../model/system-errors.ts';

export type RetryPolicy = {
  /** Tries in all, the first one counted. */
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** No new try is begun when this much time has gone by since the first. */
  readonly totalMs: number;
};

export const defaultRetry: RetryPolicy = {
  attempts: 8,
  firstDelayMs: 100,
  longestDelayMs: 10_000,
  totalMs: 120_000,
};

/** Whether trying again may work without anybody doing anything. */
export function isPassing(error: unknown): boolean {
  if (error instanceof WherryError) return error.passing;
  return isAway(error);
}

/** The pause before try `attempt` (from 1 for the second): doubles, and half of it is chance. Milliseconds. */
export function retryDelay(policy: RetryPolicy, attempt: number, chance: number = Math.random()): number {
  const full = Math.min(policy.longestDelayMs, policy.firstDelayMs * 2 ** (attempt - 1));
  return full / 2 + (full / 2) * chance;
}

/**
 * Runs `action` until it succeeds, throws what cannot pass, or the policy is used up; then throws the last error.
 * `between` is awaited before each new try, after the pause (a connection may be opened again there).
 */
export async function retrying<T>(
  policy: RetryPolicy,
  signal: AbortSignal,
  action: (attempt: number) => Promise<T>,
  options: {
    readonly passing?: (error: unknown) => boolean;
    readonly between?: (error: unknown) => Promise<void>;
  } = {},
): Promise<T> {
  const passing = options.passing ?? isPassing;
  const began = performance.now();
  let last: unknown;
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      if (attempt > 1) await options.between?.(last);
      return await action(attempt);
    } catch (error) {
      signal.throwIfAborted();
      last = error;
      const spent = performance.now() - began;
      if (!passing(error) || attempt >= policy.attempts || spent > policy.totalMs) throw error;
      await sleep(retryDelay(policy, attempt), undefined, { signal });
    }
  }
}

/** The promise's outcome, or the signal's reason as soon as it aborts; what the promise does then is nobody's business. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
