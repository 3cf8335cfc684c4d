import { useEffect, useState } from 'react';

/** Draws again each second, for what counts time; asks the server nothing. */
export function useTick(): void {
  const [, setNow] = useState(0);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1000);
    return () => window.clearInterval(timer);
  }, []);
}
