/** One connection that listens on all channels of a process and comes back when it broke. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';

export type Subscription = { stop(): void };
type Subscriber = { readonly channel: string; onMessage(payload: string): void; onGap?: (() => void) | undefined };

export type Listener = {
  listen(channel: string, onMessage: (payload: string) => void, onGap?: () => void): Promise<Subscription>;
  close(): Promise<void>;
};

export function createListener(newClient: () => Client, onError: (error: Error) => void): Listener {
  const subscribers = new Set<Subscriber>();
  const closing = new AbortController();
  let connected: Promise<Client> | undefined;

  const connect = async (): Promise<Client> => {
    const client = newClient();
    client.on('notification', (message) => {
      for (const subscriber of subscribers) {
        if (subscriber.channel === message.channel) subscriber.onMessage(message.payload ?? '');
      }
    });
    client.on('error', onError);
    client.once('end', () => {
      connected = undefined;
      if (!closing.signal.aborted && subscribers.size > 0) reconnect().catch(onError);
    });
    await client.connect();
    return client;
  };

  const ready = (): Promise<Client> => {
    connected ??= connect().catch((error: unknown) => {
      connected = undefined;
      throw error;
    });
    return connected;
  };

  async function reconnect(): Promise<void> {
    for (let waitMs = 50; !closing.signal.aborted; waitMs = Math.min(waitMs * 2, 2_000)) {
      try {
        const client = await ready();
        for (const channel of new Set([...subscribers].map((s) => s.channel))) await client.query(listenTo(channel));
        for (const subscriber of subscribers) subscriber.onGap?.();
        return;
      } catch (error) {
        onError(error instanceof Error ? error : new Error(String(error)));
        await sleep(waitMs, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  }

  return {
    listen: async (channel, onMessage, onGap) => {
      const subscriber: Subscriber = { channel, onMessage, onGap };
      subscribers.add(subscriber); // before LISTEN: the first message may come in the same packet as its answer
      try {
        await (await ready()).query(listenTo(channel));
      } catch (error) {
        subscribers.delete(subscriber);
        throw error;
      }
      return { stop: () => void subscribers.delete(subscriber) };
    },
    close: async () => {
      closing.abort();
      subscribers.clear();
      const client = await connected?.catch(() => undefined);
      await client?.end();
    },
  };
}

function listenTo(channel: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(channel)) throw new RangeError(`not a channel name: ${channel}`);
  return `listen ${channel}`;
}
