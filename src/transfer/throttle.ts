/**
 * Bandwidth limits. A limit is a token bucket that may go into debt: a request is granted as soon as the bucket is not
 * empty and pays in full, so any size passes and the long-run rate is exact. The rate is asked again before every grant and
 * ten times a second while waiting, so that a change is obeyed at once. Several limits (migration, worker, provider, host)
 * at once: every one must grant.
 *
 * Fair by bytes between clients (start-time fair queueing: each request is tagged with what its client was granted before,
 * the smallest tag goes first), and in order within a client, however many requests each has under way.
 */

export type Limit = {
  /** Bytes per second now; null: none. */
  rate(): number | null;
  /** Waits its turn and until `bytes` may pass. Rejects with the signal's reason. */
  take(bytes: number, signal: AbortSignal): Promise<void>;
};

export type SharedLimit = Limit & {
  /** The same, for one of several clients that share the limit. */
  take(bytes: number, signal: AbortSignal, client?: unknown): Promise<void>;
  /** Bytes that have passed so far. */
  granted(): number;
};

/** What may pass at once after a pause, in seconds of the rate; makes up for timers that come late on a busy machine. */
const burstSeconds = 0.2;
/** What is asked for at once, in seconds of the rate. */
const blockSeconds = 0.05;
const recheckMs = 100;
const smallestBlock = 64 * 1024;

type Waiting = {
  readonly bytes: number;
  /** The fair queue's tag. */
  readonly start: number;
  readonly client: unknown;
  pass(): void;
};

/**
 * @param rate bytes per second now, or null for no limit; called often. Zero lets nothing pass until it changes.
 * Share the limit between all copies that it is for.
 */
export function createLimit(rate: () => number | null, now: () => number = () => performance.now()): SharedLimit {
  let tokens = 0;
  let filledAt = now();
  let lastRate: number | null = null;
  let granted = 0;
  let timer: NodeJS.Timeout | undefined;
  const waiting = new Set<Waiting>();
  /** By client: the tag of its next request. `reached`: the tag of the last one that passed. */
  const tags = new Map<unknown, number>();
  let reached = 0;

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
  const first = (): Waiting | undefined => {
    let least: Waiting | undefined;
    for (const one of waiting) if (least === undefined || one.start < least.start) least = one;
    return least;
  };
  const serve = (): void => {
    clearTimeout(timer);
    for (let next = first(); next !== undefined; next = first()) {
      const perSecond = refill();
      if (perSecond !== null && (tokens < 0 || perSecond <= 0)) {
        const wait = perSecond > 0 ? (-tokens / perSecond) * 1000 : recheckMs;
        timer = setTimeout(serve, Math.max(1, Math.min(recheckMs, wait)));
        return;
      }
      if (perSecond !== null) tokens -= next.bytes;
      granted += next.bytes;
      reached = next.start;
      waiting.delete(next);
      next.pass();
    }
  };
  return {
    rate,
    granted: () => granted,
    take(bytes, signal, client = null) {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      // Nobody is behind: who was granted how much long ago does not matter any more.
      if (waiting.size === 0 && (refill() === null || tokens >= 0)) tags.clear();
      const start = Math.max(reached, tags.get(client) ?? reached);
      tags.set(client, start + bytes);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const onAbort = (): void => {
        waiting.delete(one);
        tags.set(client, (tags.get(client) ?? start) - bytes);
        reject(signal.reason);
      };
      const pass = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const one: Waiting = { bytes, start, client, pass };
      signal.addEventListener('abort', onAbort, { once: true });
      waiting.add(one);
      serve();
      return promise;
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
