/**
 * Bandwidth limits. A limit is a token bucket that may go into debt: a request is granted as soon as the bucket is not
 * empty and pays in full, so any size passes and the long-run rate is exact. The rate is asked again before every grant and
 * ten times a second while waiting, so that a change is obeyed at once. Several limits (migration, worker, provider, host)
 * at once: every one must grant. Fair: each limit serves whoever asks in order, a block at a time.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export type Limit = {
  /** Bytes per second now; null: none. */
  rate(): number | null;
  /** Waits its turn and until `bytes` may pass. Rejects with the signal's reason. */
  take(bytes: number, signal: AbortSignal): Promise<void>;
};

/** What may pass at once after a pause, in seconds of the rate; makes up for timers that come late on a busy machine. */
const burstSeconds = 0.2;
/** What is asked for at once, in seconds of the rate. */
const blockSeconds = 0.05;
const recheckMs = 100;
const smallestBlock = 64 * 1024;

/**
 * @param rate bytes per second now, or null for no limit; called often. Zero lets nothing pass until it changes.
 * Share the limit between all copies that it is for.
 */
export function createLimit(rate: () => number | null, now: () => number = () => performance.now()): Limit {
  let tokens = 0;
  let filledAt = now();
  let lastRate: number | null = null;
  let queue: Promise<void> = Promise.resolve();

  const refill = (): number | null => {
    const perSecond = rate();
    const time = now();
    if (perSecond === null) {
      tokens = 0;
    } else {
      const burst = perSecond * burstSeconds;
      // Debt is time: what was owed at the old rate is owed for as long, not for as many bytes, at the new one.
      if (lastRate !== null && lastRate > 0 && lastRate !== perSecond) tokens *= perSecond / lastRate;
      tokens = Math.min(burst, tokens + (perSecond * (time - filledAt)) / 1000);
    }
    lastRate = perSecond;
    filledAt = time;
    return perSecond;
  };
  const grant = async (bytes: number, signal: AbortSignal): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      const perSecond = refill();
      if (perSecond === null) return;
      if (tokens >= 0 && perSecond > 0) {
        tokens -= bytes;
        return;
      }
      const wait = perSecond > 0 ? (-tokens / perSecond) * 1000 : recheckMs;
      await sleep(Math.max(1, Math.min(recheckMs, wait)), undefined, { signal });
    }
  };
  return {
    rate,
    take(bytes, signal) {
      const turn = queue.then(() => grant(bytes, signal));
      queue = turn.catch(() => undefined);
      return turn;
    },
  };
}

/** All of `limits` must grant; the one that makes wait longest decides. */
export async function takeAll(limits: readonly Limit[], bytes: number, signal: AbortSignal): Promise<void> {
  for (const limit of limits) if (limit.rate() !== null) await limit.take(bytes, signal);
}

/** The smallest of the limits now; null when none limits. */
export function tightest(limits: readonly Limit[]): number | null {
  let least: number | null = null;
  for (const limit of limits) {
    const rate = limit.rate();
    if (rate !== null && (least === null || rate < least)) least = rate;
  }
  return least;
}

/** How much to ask for at once: small under a small limit, so that it is kept evenly and shared fairly. Bytes. */
export function blockFor(limits: readonly Limit[], largest: number): number {
  const rate = tightest(limits);
  if (rate === null) return largest;
  const block = Math.floor((rate * blockSeconds) / smallestBlock) * smallestBlock;
  return Math.max(Math.min(smallestBlock, largest), Math.min(largest, block));
}
