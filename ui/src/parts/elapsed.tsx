import { useEffect, useState } from 'react';
import { serverNow } from '../api/client.ts';
import { duration, secondsBetween } from '../format.ts';

/** How long something has taken so far, or took. Counts by itself while it runs; asks the server nothing. */
export function Elapsed({ from, to }: { readonly from: string | null; readonly to: string | null }) {
  const now = useNow(from !== null && to === null);
  const seconds = secondsBetween(from, to, now);
  return <>{seconds === null ? '–' : duration(seconds)}</>;
}

/** The server's time in ms, anew each second while `runs`. */
export function useNow(runs: boolean): number {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    if (!runs) return undefined;
    setNow(serverNow());
    const timer = window.setInterval(() => setNow(serverNow()), 1000);
    return () => window.clearInterval(timer);
  }, [runs]);
  return now;
}
