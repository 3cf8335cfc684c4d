/**
 * A target that takes a disk as one stream, as a disk that a copy can write: the copy's writes come a few at a time and in
 * nearly any order within its window; here each waits for its turn. There are always as many bytes before it under way as
 * it waits for, because a copy begins its leaves in order and gives each a buffer of its own.
 */
import type { StreamDisk, WritableDisk } from './disk.ts';
import { abortable } from './retry.ts';

/**
 * Nothing is skipped: holes become zeros. What was sent already is not sent again: after a new connection to the source the
 * copy repeats what it had not journaled, and the source is frozen. The flush after the last byte ends the stream. After a
 * failure nothing more is taken: a stream cannot be mended in its middle.
 */
export function inOrder(stream: StreamDisk): WritableDisk {
  const { sizeBytes } = stream;
  const turns = new Map<number, PromiseWithResolvers<void>>();
  let position = 0;
  let broken: { readonly error: unknown } | undefined;
  let ended: Promise<void> | undefined;

  const turnOf = async (offset: number, signal: AbortSignal): Promise<void> => {
    for (;;) {
      if (broken !== undefined) throw broken.error;
      if (position >= offset) return;
      const turn = turns.get(offset) ?? Promise.withResolvers<void>();
      turns.set(offset, turn);
      await abortable(turn.promise, signal);
    }
  };
  const wake = (): void => {
    for (const [offset, turn] of turns) {
      if (offset > position && broken === undefined) continue;
      turns.delete(offset);
      turn.resolve();
    }
  };
  /** `send` gets the part that was not sent before, from so many bytes after `offset` on. */
  const inTurn = async (
    offset: number,
    length: number,
    signal: AbortSignal,
    send: (from: number) => Promise<void>,
  ): Promise<void> => {
    await turnOf(offset, signal);
    signal.throwIfAborted();
    const sent = position - offset;
    if (sent >= length) return;
    position = offset + length;
    // Begun before the next one is woken: the stream keeps the order in which it is called.
    const sending = send(sent);
    wake();
    try {
      await sending;
    } catch (error) {
      broken ??= { error };
      wake();
      throw error;
    }
  };
  return {
    sizeBytes,
    access: 'sequential',
    startsZeroed: false,
    extents: unreadable,
    read: async () => unreadable(),
    write: (offset, data, signal) =>
      inTurn(offset, data.length, signal, (from) => stream.write(data.subarray(from), signal)),
    zero: (offset, length, signal) => inTurn(offset, length, signal, (from) => stream.zeros(length - from, signal)),
    async flush(signal) {
      if (broken !== undefined) throw broken.error;
      if (position < sizeBytes) await stream.flush(signal);
      else await (ended ??= stream.end(signal));
    },
    close: () => stream.close(),
  };
}

function unreadable(): never {
  throw new Error('a stream cannot be read while it is written');
}
