/** For tests: follows an inventory and keeps what it says, as the server does. */
import type { InventoryObject } from '../../../model/inventory.ts';
import type { Connection, InventoryNews } from '../../provider.ts';

export type Followed = AsyncDisposable & {
  readonly objects: ReadonlyMap<string, InventoryObject>;
  readonly news: readonly InventoryNews[];
  readonly synced: Promise<void>;
  /** What ended it; pending while it goes on. */
  readonly ended: Promise<unknown>;
  get(kind: InventoryObject['kind'], name: string): InventoryObject | undefined;
};

export function follow(connection: Connection): Followed {
  const objects = new Map<string, InventoryObject>();
  const news: InventoryNews[] = [];
  const stop = new AbortController();
  const synced = Promise.withResolvers<void>();
  const run = async (): Promise<unknown> => {
    try {
      for await (const each of connection.watchInventory(stop.signal)) {
        news.push(each);
        if (each.kind === 'put') for (const object of each.objects) objects.set(`${object.kind} ${object.ref}`, object);
        if (each.kind === 'gone') for (const { kind, ref } of each.objects) objects.delete(`${kind} ${ref}`);
        if (each.kind === 'synced') synced.resolve();
      }
      return null;
    } catch (error) {
      synced.reject(error);
      return error;
    }
  };
  synced.promise.catch(() => undefined);
  const ended = run();
  return {
    objects,
    news,
    synced: synced.promise,
    ended,
    get: (kind, name) => [...objects.values()].find((object) => object.kind === kind && object.name === name),
    [Symbol.asyncDispose]: async () => {
      stop.abort(new Error('the test is over'));
      await ended;
    },
  };
}
