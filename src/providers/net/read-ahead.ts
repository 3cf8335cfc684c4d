/**
 * An answer that is taken off the wire as it comes, however slowly it is read: so a server is done with one question, and may
 * be asked the next, while its answer is still being made sense of.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

export type ReadAhead = {
  /** To be read to its end or returned from, as what it reads from. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** All of it has come. Never rejects; it stays open when the answer breaks off, or is given up. */
  readonly received: Promise<void>;
};

/** Whoever reads what is there already lets others have their turn after so much: sockets, timers. */
const turnBytes = 256 * 1024;

/** @param maxBytes what has come and was not read yet is at most this and one chunk more */
export function readAhead(chunks: AsyncIterable<Uint8Array>, maxBytes: number): ReadAhead {
  const source = chunks[Symbol.asyncIterator]();
  const received = Promise.withResolvers<void>();
  const ready: Uint8Array[] = [];
  let bytes = 0;
  let end: { readonly error: unknown } | 'complete' | null = null;
  let givenUp = false;
  /** Resolved when either side has done something. */
  let moved = Promise.withResolvers<void>();
  const tell = (): void => {
    moved.resolve();
    moved = Promise.withResolvers();
  };

  const isFull = (): boolean => bytes > maxBytes && !givenUp;

  const pump = async (): Promise<void> => {
    try {
      for (;;) {
        const step = await source.next();
        if (step.done === true) break;
        ready.push(step.value);
        bytes += step.value.length;
        tell();
        while (isFull()) await moved.promise;
      }
      end = 'complete';
      if (!givenUp) received.resolve();
    } catch (error) {
      end = { error };
    }
    tell();
  };

  const read = async function* (): AsyncGenerator<Uint8Array> {
    let unbroken = 0;
    for (;;) {
      // Those that were sent before it broke are read, as they are without reading ahead.
      for (const chunk of ready.splice(0)) {
        bytes -= chunk.length;
        tell();
        yield chunk;
        unbroken += chunk.length;
        if (unbroken < turnBytes) continue;
        unbroken = 0;
        await nextTurn();
      }
      if (ready.length > 0) continue;
      if (end === 'complete') return;
      if (end !== null) throw end.error;
      unbroken = 0;
      await moved.promise;
    }
  };
  void pump();
  const reading = read();
  return {
    received: received.promise,
    chunks: {
      [Symbol.asyncIterator]: () => ({
        next: () => reading.next(),
        return: async () => {
          givenUp = true;
          tell();
          await source.return?.();
          return reading.return(undefined);
        },
      }),
    },
  };
}
