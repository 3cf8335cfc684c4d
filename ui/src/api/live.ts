/**
 * Live updates: the event stream says *that* something changed, and what is on the screen of it is read again, at most
 * twice a second and never twice at once. Nothing is polled.
 */
import { type QueryClient, type QueryKey, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { keys } from './keys.ts';
import { type Change, openStream, type StreamState } from './stream.ts';

const restMs = 500;

/** Keeps everything that is shown fresh for as long as the caller is mounted, and says whether it is. */
export function useLive(): StreamState {
  const queries = useQueryClient();
  const [state, setState] = useState<StreamState>('connecting');
  useEffect(() => {
    const gathering = gather(queries);
    const close = openStream({
      state: setState,
      change: (change) => gathering.add(change),
      refused: () => void queries.invalidateQueries({ queryKey: keys.session }),
    });
    return () => {
      close();
      gathering.stop();
    };
  }, [queries]);
  return state;
}

/** What has to be read again after these changes; null: all. Exported for its test. */
export function staleAfter(changes: readonly Change[]): readonly QueryKey[] | null {
  const stale = new Map<string, QueryKey>();
  const add = (...found: readonly QueryKey[]): void => {
    for (const key of found) stale.set(JSON.stringify(key), key);
  };
  for (const change of changes) {
    if (change.kind === 'reload') return null;
    if (change.kind === 'migration') add(keys.inProgress, keys.migration(change.id), keys.workers);
    if (change.kind === 'vm_migration') add(keys.log(change.id), keys.rates(change.id));
    if (change.kind === 'worker') add(keys.workers);
    if (change.kind === 'provider') add(keys.providers, keys.provider(change.id), keys.vms);
    // Progress makes no events; ends, cancelations and undoing do.
    const about = change.kind === 'event' ? change.event?.migrationId : undefined;
    if (about) add(keys.inProgress, keys.ended, keys.migration(about));
  }
  return [...stale.values()];
}

function gather(queries: QueryClient): { add(change: Change): void; stop(): void } {
  let changes: Change[] = [];
  const stopping = new AbortController();
  let reading = false;
  const read = async (): Promise<void> => {
    reading = true;
    while (changes.length > 0 && !stopping.signal.aborted) {
      const stale = staleAfter(changes);
      changes = [];
      // A read that is under way may have missed the change, so it begins again; but only after the last of ours ended.
      await Promise.all(
        stale === null
          ? [queries.invalidateQueries()]
          : stale.map((queryKey) => queries.invalidateQueries({ queryKey })),
      );
      await new Promise((resolve) => window.setTimeout(resolve, restMs));
    }
    reading = false;
  };
  return {
    add: (change) => {
      changes.push(change);
      if (!reading) void read();
    },
    stop: () => stopping.abort(),
  };
}
