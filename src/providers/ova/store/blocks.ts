/**
 * Small reads of something far away, gathered: tables, headers and compressed grains lie side by side, and each request
 * costs the way there and back. Blocks that were read lately are kept, and one that is on its way is waited for.
 */
const blockBytes = 2 ** 20;
const keptBlocks = 32;
/** What is read in such pieces goes as it is, once: it is the disk's own bytes. */
const largeBytes = 2 * blockBytes;
const largestBytes = 64 * 2 ** 20;

type Read = (offset: number, length: number, signal: AbortSignal) => Promise<Buffer>;

/** Exactly these bytes, in one request. `onSending` is called when nothing is before it any more. */
export type Fetch = (offset: number, length: number, signal: AbortSignal, onSending: () => void) => Promise<Buffer>;

export function byBlocks(sizeBytes: number, fetch: Fetch): Read {
  /** The one that was used longest ago first. Each is fetched on nobody's behalf alone: it has no signal of theirs. */
  const blocks = new Map<number, Promise<Buffer>>();

  const block = (number: number): Promise<Buffer> => {
    const kept = blocks.get(number);
    blocks.delete(number);
    const start = number * blockBytes;
    const bytes = kept ?? inTime(fetch, start, Math.min(blockBytes, sizeBytes - start)).catch(forget(number));
    blocks.set(number, bytes);
    for (const old of blocks.keys()) {
      if (blocks.size <= keptBlocks) break;
      blocks.delete(old);
    }
    return bytes;
  };
  const forget =
    (number: number) =>
    (error: unknown): never => {
      blocks.delete(number);
      throw error;
    };

  return async (offset, length, signal) => {
    signal.throwIfAborted();
    if (length === 0) return Buffer.alloc(0);
    if (length > largestBytes) throw new RangeError(`${length} bytes are more than one part`);
    if (length >= largeBytes) return fetch(offset, length, signal, () => undefined);
    const first = Math.floor(offset / blockBytes);
    const last = Math.floor((offset + length - 1) / blockBytes);
    const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    const read = await Promise.all(numbers.map(block));
    signal.throwIfAborted();
    const skipped = offset - first * blockBytes;
    return Buffer.concat(read).subarray(skipped, skipped + length);
  };
}

const blockMs = 120_000;

/** The time of a request begins when it is sent: a disk asks for many at once, and few are sent at a time. */
async function inTime(fetch: Fetch, offset: number, length: number): Promise<Buffer> {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = (): void => {
    timer ??= setTimeout(() => late.abort(new DOMException('no answer in time', 'TimeoutError')), blockMs);
  };
  try {
    return await fetch(offset, length, late.signal, begin);
  } finally {
    clearTimeout(timer);
  }
}
