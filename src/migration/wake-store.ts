/**
 * Wakes what waits in long polls. NOTIFY only wakes: whoever waits looks again every tick anyway, so that a message that
 * got lost costs a second and nothing else.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../db/db.ts';
import type { Subscription } from '../db/listener.ts';
import { callChannel, commandsChannel, workChannel } from './news-store.ts';

export type Topic = 'work' | 'commands' | 'call';
export type Waker = {
  /** Take it *before* looking: what happens while one looks must not be missed. */
  next(topic: Topic): Promise<void>;
  stop(): void;
};

const channels: Readonly<Record<Topic, string>> = {
  work: workChannel,
  commands: commandsChannel,
  call: callChannel,
};

export async function startWaker(db: Db): Promise<Waker> {
  const pending = new Map<Topic, PromiseWithResolvers<void>>();
  const wake = (topic: Topic): void => {
    pending.get(topic)?.resolve();
    pending.delete(topic);
  };
  const topics: readonly Topic[] = ['work', 'commands', 'call'];
  const subscriptions: Subscription[] = [];
  for (const topic of topics) {
    const onWake = (): void => wake(topic);
    subscriptions.push(await db.listen(channels[topic], onWake, onWake));
  }
  return {
    next: (topic) => {
      const known = pending.get(topic) ?? Promise.withResolvers<void>();
      pending.set(topic, known);
      return known.promise;
    },
    stop: () => {
      for (const subscription of subscriptions) subscription.stop();
      for (const topic of topics) wake(topic);
    },
  };
}

/**
 * Looks until there is something to say, or `waitMs` is over (then null). `look` may ask to be called again sooner than
 * at the next tick. Ends early, with null, when `signal` aborts.
 */
export async function longPoll<T>(options: {
  readonly waker: Waker;
  readonly topic: Topic;
  readonly waitMs: number;
  readonly tickMs: number;
  readonly signal: AbortSignal;
  look(): Promise<{ readonly found: T } | { readonly againInMs: number | null }>;
}): Promise<T | null> {
  const { signal } = options;
  const until = performance.now() + options.waitMs;
  for (;;) {
    const woken = options.waker.next(options.topic);
    const seen = await options.look();
    if ('found' in seen) return seen.found;
    const left = until - performance.now();
    if (left <= 0 || signal.aborted) return null;
    const over = new AbortController();
    const pauseMs = Math.min(left, options.tickMs, seen.againInMs ?? options.tickMs);
    await Promise.race([
      woken,
      sleep(pauseMs, undefined, { signal: AbortSignal.any([signal, over.signal]) }).catch(() => undefined),
    ]);
    over.abort();
  }
}
