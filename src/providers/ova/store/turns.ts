/**
 * At most so many at once; the others wait, in order. An agent's own queue will not do: it says nothing of when a request is
 * sent, and lets more through where connections are made in several steps (TLS that is judged first).
 */
export type Turns = <T>(work: () => Promise<T>, signal: AbortSignal) => Promise<T>;

export function turnsOf(most: number): Turns {
  let free = most;
  const waiting = new Set<() => void>();
  const turn = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    if (free > 0) {
      free -= 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = (): void => {
      if (waiting.delete(resolve)) reject(signal.reason);
    };
    waiting.add(resolve);
    signal.addEventListener('abort', leave, { once: true });
    await promise.finally(() => signal.removeEventListener('abort', leave));
  };
  const give = (): void => {
    const [next] = waiting;
    if (next === undefined) free += 1;
    else {
      waiting.delete(next);
      next();
    }
  };
  return async (work, signal) => {
    await turn(signal);
    try {
      return await work();
    } finally {
      give();
    }
  };
}
