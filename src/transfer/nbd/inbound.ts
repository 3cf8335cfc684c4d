/**
 * Connects a socket to a parser that says how many bytes it wants next. The parser is a generator that yields the buffer
 * to be filled; it goes on when that one is full. Large buffers are handed to the kernel as they are, so that the data of
 * a read arrives in its result without a copy; small ones (headers) are cut out of a scratch buffer.
 */
export type Parser = Generator<Buffer, void, void>;

export type Inbound = {
  /** Where the next bytes are to be put. Ask anew after every `received`. */
  nextBuffer(): Buffer;
  /** That many bytes were put at the start of the last `nextBuffer`. What the parser throws comes out here. */
  received(count: number): void;
  /** True once the parser has returned: nothing more is expected. */
  readonly finished: boolean;
};

/** Enough for a thousand replies without data; little enough that what a read's header drags in is cheap to copy. */
const scratchBytes = 16 * 1024;

export function inbound(parser: Parser): Inbound {
  const scratch = Buffer.allocUnsafeSlow(scratchBytes);
  let wanted: Buffer = Buffer.alloc(0);
  let filled = 0;
  let direct = false;
  let finished = false;

  const settle = (): void => {
    while (!finished && filled === wanted.length) {
      const next = parser.next();
      if (next.done === true) finished = true;
      else wanted = next.value;
      filled = 0;
    }
  };
  settle();

  return {
    get finished() {
      return finished;
    },
    nextBuffer() {
      direct = !finished && wanted.length - filled >= scratchBytes;
      return direct ? wanted.subarray(filled) : scratch;
    },
    received(count) {
      if (direct) {
        filled += count;
        settle();
        return;
      }
      for (let at = 0; at < count; ) {
        if (finished) throw new Error('data after the end of the conversation');
        const copied = scratch.copy(wanted, filled, at, count);
        filled += copied;
        at += copied;
        settle();
      }
    },
  };
}
