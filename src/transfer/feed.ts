/** A queue between who tells and who works it off: batches of all that was told since the last one. Endless in length; tell little. */
export type Feed<T> = AsyncIterable<readonly T[]> & {
  push(items: readonly T[]): void;
  /** What was pushed is still given out. */
  end(): void;
};

export function createFeed<T>(): Feed<T> {
  let ready: T[] = [];
  let ended = false;
  let changed = Promise.withResolvers<void>();
  const wake = (): void => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  return {
    push(items) {
      for (const item of items) ready.push(item);
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        if (ready.length > 0) {
          const batch = ready;
          ready = [];
          yield batch;
        } else if (ended) {
          return;
        } else {
          await changed.promise;
        }
      }
    },
  };
}
