/** Takes away what searches need no more: when a server starts, and once a day. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../db/db.ts';
import { sweepSets } from './sweep-store.ts';

const dayMs = 86_400_000;

export function startSweep(db: Db, onError: (error: unknown) => void): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const sweeping = (async () => {
    while (!signal.aborted) {
      await sweepSets(db).catch(onError); // tomorrow again
      await sleep(dayMs, undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await sweeping;
    },
  };
}
