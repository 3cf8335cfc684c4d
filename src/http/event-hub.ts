/**
 * Says to everybody who looks that something changed, across all servers on one database.
 *
 * Contract: whoever commits a change of a migration, VM migration, step progress or worker publishes it, best within the
 * same transaction (it is then sent with the commit); an event is published by `recordEvent`. All connected clients
 * are told within a second. What is told is only *that* something changed: clients read it again through the API. After
 * a break of the database connection `reload` is told, because something may have been missed.
 */
import type { Db, Tx } from '../db/db.ts';
import { type Change, changeChannel } from '../model/change.ts';

export type EventHub = {
  publish(change: Change, within?: Tx): Promise<void>;
  /** Called for every change of every server; must not throw or block. Returns how to stop. */
  subscribe(onChange: (change: Change) => void): () => void;
};

const kinds: ReadonlySet<string> = new Set(['migration', 'vm_migration', 'worker', 'provider', 'event', 'reload']);

export async function startHub(db: Db): Promise<EventHub> {
  const subscribers = new Set<(change: Change) => void>();
  const tell = (change: Change): void => {
    for (const subscriber of subscribers) subscriber(change);
  };
  await db.listen(
    changeChannel,
    (payload) => {
      const change = parseChange(payload);
      if (change !== null) tell(change);
    },
    () => tell({ kind: 'reload' }),
  );
  return {
    publish: (change, within) => db.notify(changeChannel, JSON.stringify(change), within),
    subscribe: (onChange) => {
      subscribers.add(onChange);
      return () => void subscribers.delete(onChange);
    },
  };
}

function parseChange(payload: string): Change | null {
  try {
    const value: unknown = JSON.parse(payload);
    if (typeof value !== 'object' || value === null || !('kind' in value) || !kinds.has(String(value.kind)))
      return null;
    return value as Change;
  } catch {
    return null; // of a newer Wherry on the same database
  }
}
