/**
 * Live updates: the server's event stream says *that* something changed, and whatever is on the screen of it is read
 * again, at most twice a second. Nothing is polled. After a break the browser connects again by itself, and everything
 * shown is read once, because something may have been missed.
 */
import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

type Change = { readonly kind: string; readonly id?: string };

const gatherMs = 500;

export function useLive(): 'live' | 'waiting' {
  const queries = useQueryClient();
  const [state, setState] = useState<'live' | 'waiting'>('waiting');
  useEffect(() => {
    const stream = new EventSource('/api/v1/events/stream');
    const gather = gathering(queries);
    stream.addEventListener('open', () => {
      setState('live');
      gather({ kind: 'reload' });
    });
    stream.addEventListener('error', () => setState('waiting'));
    const onChange = (event: MessageEvent<string>): void => {
      try {
        gather(JSON.parse(event.data) as Change);
      } catch {
        gather({ kind: 'reload' });
      }
    };
    for (const name of ['message', 'change', 'event', 'reload']) stream.addEventListener(name, onChange);
    return () => stream.close();
  }, [queries]);
  return state;
}

/** Changes that come close together are one reading. */
function gathering(queries: QueryClient): (change: Change) => void {
  let kinds = new Set<string>();
  let timer: number | undefined;
  return (change) => {
    kinds.add(change.kind);
    timer ??= window.setTimeout(() => {
      const changed = kinds;
      kinds = new Set();
      timer = undefined;
      if (changed.has('reload')) void queries.invalidateQueries();
      else {
        if (changed.has('migration') || changed.has('vm_migration'))
          void queries.invalidateQueries({ queryKey: ['migrations'] });
        if (changed.has('worker')) void queries.invalidateQueries({ queryKey: ['workers'] });
      }
    }, gatherMs);
  };
}
