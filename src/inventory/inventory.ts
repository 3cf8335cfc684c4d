/**
 * The inventory of one server: what its routes call, and what it does by the clock. Several may run on one database; all
 * state is there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { productRules, type RuleSet } from '../concerns/rules.ts';
import type { Db } from '../db/db.ts';
import type { Vault } from '../db/vault-store.ts';
import { createAnnouncer } from './announcer.ts';
import { assignWatches } from './watch-store.ts';

export type InventoryOptions = {
  readonly db: Db;
  readonly vault: Vault;
  /** Tells everybody who looks that a provider or its inventory changed. */
  readonly publish: (providerId: string) => Promise<void>;
  /** The rules in force now; the product's when left out. */
  readonly rules?: () => RuleSet;
  /** How long a worker may be silent before its watches move to another. */
  readonly moveAfterMs?: number;
  readonly tickMs?: number;
  readonly announceMs?: number;
  /** Told of what went wrong by the clock; it is tried again at the next tick. */
  readonly onError?: (error: unknown) => void;
};

export type Inventory = {
  readonly db: Db;
  readonly vault: Vault;
  rules(): RuleSet;
  /** Something of it changed: told at most once a second. */
  changed(providerId: string): void;
  /** Finds a worker for whatever has none, now rather than at the next tick. */
  assign(): Promise<void>;
  stop(): Promise<void>;
};

const defaults = { moveAfterMs: 180_000, tickMs: 1_000, announceMs: 1_000 };

export function startInventory(options: InventoryOptions): Inventory {
  const { db, vault, publish, rules = () => productRules, onError = (): void => undefined } = options;
  const { moveAfterMs, tickMs, announceMs } = { ...defaults, ...options };
  const stopping = new AbortController();
  const announcer = createAnnouncer(publish, announceMs, onError);
  const startedAt = performance.now();
  const assign = async (): Promise<void> => {
    // While this server was away nobody could be heard of: each worker gets its time again.
    const isFresh = performance.now() - startedAt < moveAfterMs;
    const changed = await assignWatches(db, isFresh ? Number.POSITIVE_INFINITY : moveAfterMs);
    for (const id of changed) announcer.changed(id);
  };
  const ticking = (async () => {
    while (!stopping.signal.aborted) {
      try {
        await assign();
      } catch (error) {
        if (!stopping.signal.aborted) onError(error);
      }
      await sleep(tickMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    db,
    vault,
    rules,
    changed: (id) => announcer.changed(id),
    assign,
    stop: async () => {
      stopping.abort();
      announcer.stop();
      await ticking;
    },
  };
}
