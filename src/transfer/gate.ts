/** Bounds what is under way at once: a counter that is waited for, in order. */
export type Gate = {
  /** Resolves when `count` fit in; more than the whole capacity is let in alone. Rejects with the signal's reason. */
  enter(count: number, signal: AbortSignal): Promise<void>;
  /** Enters if that needs no waiting. */
  tryEnter(count: number): boolean;
  leave(count: number): void;
};

export function createGate(capacity: number): Gate {
  let used = 0;
  const waiting: { readonly count: number; readonly start: () => void }[] = [];
  const fits = (count: number): boolean => used === 0 || used + count <= capacity;
  const admit = (): void => {
    for (let next = waiting[0]; next !== undefined && fits(next.count); next = waiting[0]) {
      waiting.shift();
      used += next.count;
      next.start();
    }
  };
  const tryEnter = (count: number): boolean => {
    if (waiting.length > 0 || !fits(count)) return false;
    used += count;
    return true;
  };
  return {
    tryEnter,
    async enter(count, signal) {
      signal.throwIfAborted();
      if (tryEnter(count)) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const entry = { count, start: resolve };
      const onAbort = (): void => {
        const index = waiting.indexOf(entry);
        if (index >= 0) waiting.splice(index, 1);
        reject(signal.reason);
        admit();
      };
      waiting.push(entry);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        await promise;
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
    leave(count) {
      used -= count;
      admit();
    },
  };
}
