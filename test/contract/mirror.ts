/** What somebody who listens to a watched inventory knows by now. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { InventoryObject } from '../../src/model/inventory.ts';
import type { Connection, InventoryNews } from '../../src/providers/provider.ts';

export type Mirror = AsyncDisposable & {
  /** `kind ref` → the object. */
  readonly objects: ReadonlyMap<string, InventoryObject>;
  readonly snapshots: ReadonlyArray<Extract<InventoryNews, { kind: 'snapshot' }>>;
  readonly unreadable: readonly string[];
  synced(): number;
  of<K extends InventoryObject['kind']>(kind: K): Array<Extract<InventoryObject, { kind: K }>>;
  /** Waits for it, however long the machine takes; fails with what ended the watch. */
  until(what: string, holds: () => boolean): Promise<void>;
  /** What the watch ended with; undefined when it was told to. */
  ended(): Promise<unknown>;
};

const patienceMs = 150_000;

export function watch(connection: Pick<Connection, 'watchInventory'>): Mirror {
  const stop = new AbortController();
  const objects = new Map<string, InventoryObject>();
  const stale = new Set<string>();
  const snapshots: Array<Extract<InventoryNews, { kind: 'snapshot' }>> = [];
  const unreadable: string[] = [];
  let synced = 0;
  let failure: { error: unknown } | null = null;
  const running = (async () => {
    for await (const news of connection.watchInventory(stop.signal)) {
      if (news.kind === 'put') {
        for (const object of news.objects) {
          objects.set(`${object.kind} ${object.ref}`, object);
          stale.delete(`${object.kind} ${object.ref}`);
        }
      } else if (news.kind === 'gone') {
        for (const { kind, ref } of news.objects) objects.delete(`${kind} ${ref}`);
      } else if (news.kind === 'unreadable') {
        unreadable.push(...news.objects.map(({ ref }) => ref));
      } else if (news.kind === 'snapshot') {
        snapshots.push(news);
        for (const key of objects.keys()) stale.add(key);
      } else {
        for (const key of stale) objects.delete(key);
        stale.clear();
        synced += 1;
      }
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) failure = { error };
  });
  return {
    objects,
    snapshots,
    unreadable,
    synced: () => synced,
    of: (kind) => [...objects.values()].filter((object) => object.kind === kind) as never,
    until: async (what, holds) => {
      for (const end = Date.now() + patienceMs; !holds(); await sleep(20)) {
        if (failure !== null) throw failure.error;
        if (Date.now() > end) throw new Error(`it did not come: ${what}`);
      }
    },
    ended: async () => {
      await running;
      return failure?.error;
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}
