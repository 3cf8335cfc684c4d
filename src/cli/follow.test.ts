import { expect, test } from 'vitest';
import type { MigrationView } from '../migration/api.ts';
import type { Client, StreamMessage } from './client.ts';
import { follow } from './follow.ts';

const view = (state: string): MigrationView => ({ state, vmMigrations: [] }) as unknown as MigrationView;

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
const nobody = (): void => undefined;

/** A server whose migration has ended when it is looked at for the third time; each look is followed by a message. */
function threeLooks(): Client {
  const states = ['queued', 'running', 'succeeded'];
  let tell: (message: StreamMessage) => void = nobody;
  const client: Pick<Client, 'get' | 'stream'> = {
    get: async <T>() => {
      setImmediate(() => tell({ kind: 'changed' }));
      return view(states.shift() ?? 'failed') as T;
    },
    stream: (onMessage, signal) => {
      tell = onMessage;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    },
  };
  return client as Client;
}

test('follows to the end, and leaves no timer that would keep the command from ending', async () => {
  await new Promise((resolve) => setImmediate(resolve)); // the runner's own timer
  const before = timers();
  const seen: string[] = [];
  const last = await follow(threeLooks(), 'id', ({ state }) => seen.push(state));
  expect(last.state).toBe('succeeded');
  expect(seen).toEqual(['queued', 'running', 'succeeded']);
  expect(timers()).toBeLessThanOrEqual(before);
});
