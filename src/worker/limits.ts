/**
 * Bandwidth limits of one worker: the copies run in its children, and each limit holds over all of them together. So the
 * buckets are here, and children ask for what they are about to copy (child-limit.ts). Fair between children, by bytes.
 */
import type { KeyedLimit } from '../model/limit.ts';
import { createLimit, type SharedLimit } from '../transfer/throttle.ts';

export type WorkerLimits = {
  /** The whole truth from now on: a key that is not among them is not limited. */
  set(limits: readonly KeyedLimit[]): void;
  /** Resolves when `bytes` may pass under all of `keys`. Rejects when the client has left. */
  take(keys: readonly string[], bytes: number, client: object): Promise<void>;
  /** The client is gone: what it waited for is not granted any more. */
  leave(client: object): void;
};

export function createWorkerLimits(now?: () => number): WorkerLimits {
  let rates = new Map<string, number>();
  const buckets = new Map<string, SharedLimit>();
  const clients = new Map<object, AbortController>();
  const bucketOf = (key: string): SharedLimit => {
    const known = buckets.get(key) ?? createLimit(() => rates.get(key) ?? null, now);
    buckets.set(key, known);
    return known;
  };
  return {
    set: (limits) => {
      rates = new Map(limits.map(({ key, bytesPerSecond }) => [key, bytesPerSecond]));
      // What waits holds on to its bucket and passes at once; nothing new comes to it.
      for (const key of buckets.keys()) if (!rates.has(key)) buckets.delete(key);
    },
    take: async (keys, bytes, client) => {
      const leaving = clients.get(client) ?? new AbortController();
      clients.set(client, leaving);
      // The tightest first: who waits there must not have taken already what others could use.
      const limited = keys.filter((key) => rates.has(key)).sort((a, b) => (rates.get(a) ?? 0) - (rates.get(b) ?? 0));
      for (const key of limited) if (rates.has(key)) await bucketOf(key).take(bytes, leaving.signal, client);
    },
    leave: (client) => {
      clients.get(client)?.abort(new Error('the process that asked has ended'));
      clients.delete(client);
    },
  };
}
