/**
 * The limits of one attempt, in the process that copies: the buckets are the worker's, shared with its other children, and
 * asked over the channel to it. One question is under way at a time, for all that waits here, up to a tenth of a second of
 * the rate: that many bytes are lost at most when a copy ends with a question open, and a busy channel costs no throughput.
 */
import type { KeyedLimit } from '../model/limit.ts';
import type { Limit } from '../transfer/throttle.ts';

/** Limits that the worker was told of, as it told us; null before. */
export type KnownRates = { current: ReadonlyMap<string, number> };

export function knownRates(limits: readonly KeyedLimit[]): KnownRates['current'] {
  return new Map(limits.map(({ key, bytesPerSecond }) => [key, bytesPerSecond]));
}

/** The smallest rate over `keys`; null: none is limited. */
export function rateOver(keys: readonly string[], { current }: KnownRates): number | null {
  const rates = keys.flatMap((key) => current.get(key) ?? []);
  return rates.length === 0 ? null : Math.min(...rates);
}

const askSeconds = 0.1;
const askAtLeast = 256 * 1024;

type Waiting = { readonly bytes: number; pass(): void; fail(error: unknown): void };

/** @param ask resolves when the worker has let that many bytes pass. */
export function createChildLimit(rate: () => number | null, ask: (bytes: number) => Promise<unknown>): Limit {
  const waiting: Waiting[] = [];
  let asking = false;
  /** Granted, and not used because whoever waited for it gave up. */
  let credit = 0;

  const usable = (): Waiting | undefined => {
    const next = waiting[0];
    if (next === undefined || (next.bytes > credit && rate() !== null)) return undefined;
    return waiting.shift();
  };
  const release = (): void => {
    for (let next = usable(); next !== undefined; next = usable()) {
      credit = Math.max(0, credit - next.bytes);
      next.pass();
    }
  };
  const askOnce = async (): Promise<void> => {
    const most = Math.max(askAtLeast, (rate() ?? 0) * askSeconds);
    let bytes = 0;
    for (const one of waiting) {
      if (bytes > 0 && bytes + one.bytes > most) break;
      bytes += one.bytes;
    }
    await ask(bytes - credit);
    credit = bytes;
  };
  const serve = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      for (release(); waiting.length > 0; release()) await askOnce();
    } catch (error) {
      for (const one of waiting.splice(0)) one.fail(error);
    } finally {
      asking = false;
    }
  };
  return {
    rate,
    take: (bytes, signal) => {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      if (rate() === null) return Promise.resolve();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const onAbort = (): void => {
        waiting.splice(waiting.indexOf(one), 1);
        reject(signal.reason);
      };
      const settle = (): void => signal.removeEventListener('abort', onAbort);
      const one: Waiting = {
        bytes,
        pass: () => {
          settle();
          resolve();
        },
        fail: (error) => {
          settle();
          reject(error);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      waiting.push(one);
      void serve();
      return promise;
    },
  };
}
