/**
 * The inside of the process that watches one provider: connects, reads, follows, until it is told to stop or something ends
 * it. It gets account and secrets as a message and has them nowhere else; it talks to nobody but the provider and the worker.
 */
import { hostname } from 'node:os';
import { located, type StoredError, toStored } from '../model/errors.ts';
import type { InventoryNews, Providers } from '../providers/provider.ts';
import { type Batcher, createBatcher } from './batches.ts';
import { scrubbed } from './scrub.ts';
import { watchOwnTree } from './strays.ts';
import type { FromWatchChild, ToWatchChild } from './watch-messages.ts';

/** What came is on its way at the latest after this: enough for what belongs together, too short for anybody to notice. */
const flushMs = 20;

export function runWatchChild({ connect }: Pick<Providers, 'connect'>): void {
  const stopping = new AbortController();
  const sent = new Map<number, PromiseWithResolvers<void>>();
  let requests = 0;
  const send = (news: string): Promise<void> => {
    const request = ++requests;
    const taken = Promise.withResolvers<void>();
    sent.set(request, taken);
    say({ kind: 'news', request, news });
    return taken.promise;
  };

  const watch = async ({ account, secrets }: Extract<ToWatchChild, { kind: 'watch' }>): Promise<void> => {
    let error: StoredError | null = null;
    try {
      await using connection = await connect({ account, secrets }, stopping.signal);
      await forward(connection.watchInventory(stopping.signal), createBatcher(send));
    } catch (thrown) {
      if (!stopping.signal.aborted) error = scrubbed(toStored(located(thrown, { worker: hostname() })), secrets);
    }
    // Left only once it is told: the process ends with its channel.
    process.send?.({ kind: 'ended', error } satisfies FromWatchChild, () => process.exit(0));
  };

  process.on('message', (received) => {
    const message = received as ToWatchChild;
    switch (message.kind) {
      case 'watch':
        void watch(message);
        break;
      case 'sent':
        sent.get(message.request)?.resolve();
        sent.delete(message.request);
        break;
      case 'stop':
        stopping.abort(new Error('stopped'));
        for (const taken of sent.values()) taken.reject(new Error('stopped'));
        break;
      default:
        message satisfies never;
    }
  });
  process.on('disconnect', () => process.exit(0));
  watchOwnTree();
  say({ kind: 'started' });
}

/** Whatever has waited for a moment goes as soon as there is room, and whatever fills a batch goes at once. */
export async function forward(news: AsyncIterable<InventoryNews>, batcher: Batcher): Promise<void> {
  const iterator = news[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    for (;;) {
      if (!batcher.isEmpty() && !(await comes(next, batcher))) await batcher.flush();
      const { done, value } = await next;
      if (done === true) break;
      await batcher.add(value);
      // The system is not asked for more before all of a first read is stored: what it does then takes CPU from that.
      if (value.kind === 'synced') await batcher.drain();
      next = iterator.next();
      next.catch(() => undefined); // thrown where it is awaited
    }
    await batcher.drain();
  } finally {
    await iterator.return?.();
  }
}

/** False when it does not come for a moment, and until there is room for what is here. */
async function comes(next: Promise<unknown>, batcher: Batcher): Promise<boolean> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(() => late.resolve(), flushMs);
  // What is wrong with either is thrown where it is used.
  const sendable = late.promise
    .then(() => batcher.room())
    .then(
      () => false,
      () => false,
    );
  try {
    return await Promise.race([
      next.then(
        () => true,
        () => true,
      ),
      sendable,
    ]);
  } finally {
    clearTimeout(timer);
  }
}

function say(message: FromWatchChild): void {
  process.send?.(message, () => undefined);
}
