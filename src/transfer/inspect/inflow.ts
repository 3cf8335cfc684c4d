import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { RemoteFile, StoredImage } from '../disk.ts';
import { fileRangeOf, openBytes } from './bytes.ts';
import { refuse } from './refuse.ts';

/** What a gzip'd image unpacks to, in order. Nothing is unpacked ahead but a chunk. */
export type Inflow = {
  /** Bytes taken so far. */
  readonly position: number;
  /** The next bytes; fewer than `length` only at the end. */
  take(length: number, signal: AbortSignal): Promise<Buffer>;
  /** Goes on without keeping anything; how many bytes there were. */
  skip(length: number, signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
};

const chunkBytes = 256 * 1024;
/** Of what is not on this machine. */
const partBytes = 4 * 1024 * 1024;

/**
 * @param maxBytes more than this is refused as image.gzip_bomb, as soon as it comes out
 * @throws image.unreadable when the file cannot be opened, image.truncated when there is nothing in it
 */
export async function openInflow(image: StoredImage, maxBytes: number): Promise<Inflow> {
  await (await openBytes(fileRangeOf(image), image)).close(); // says what is wrong with the file better than the stream does
  if (image.lengthBytes === 0) throw refuse(image, 'image.truncated', { detail: 'it is empty' });
  const file = storedStream(image);
  const stream = createGunzip({ chunkSize: chunkBytes });
  pipeline(file, stream, () => {}); // carries errors and ends over; who reads the stream sees them
  const chunks: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]();
  let chunk: Buffer = Buffer.alloc(0);
  let position = 0;
  let unpacked = 0;

  const more = async (signal: AbortSignal): Promise<boolean> => {
    signal.throwIfAborted();
    const next = await chunks.next().catch((error: unknown) => {
      throw explainGzip(image, error);
    });
    if (next.done === true) return false;
    chunk = next.value;
    unpacked += chunk.length;
    if (unpacked > maxBytes) throw refuse(image, 'image.gzip_bomb', { detail: `more than ${maxBytes} bytes` });
    return true;
  };
  const each = async (
    length: number,
    signal: AbortSignal,
    use: (part: Buffer, at: number) => void,
  ): Promise<number> => {
    let done = 0;
    while (done < length) {
      if (chunk.length === 0 && !(await more(signal))) break;
      const part = chunk.subarray(0, length - done);
      use(part, done);
      chunk = chunk.subarray(part.length);
      done += part.length;
      position += part.length;
    }
    return done;
  };
  return {
    get position() {
      return position;
    },
    take: async (length, signal) => {
      const buffer = Buffer.allocUnsafeSlow(length);
      return buffer.subarray(0, await each(length, signal, (part, at) => void part.copy(buffer, at)));
    },
    skip: (length, signal) => each(length, signal, () => {}),
    close: async () => {
      stream.destroy();
      file.destroy();
    },
  };
}

/** The bytes as they are stored, in order. */
function storedStream({ path, offset, lengthBytes, remote }: StoredImage): Readable {
  if (remote !== undefined) return Readable.from(partsOf(remote, offset, lengthBytes), { objectMode: false });
  return createReadStream(path, { start: offset, end: offset + lengthBytes - 1, highWaterMark: chunkBytes });
}

/** The next part comes while this one is unpacked. */
async function* partsOf(remote: RemoteFile, offset: number, lengthBytes: number): AsyncGenerator<Buffer> {
  const ended = new AbortController();
  const read = (at: number): Promise<Buffer> =>
    remote.read(offset + at, Math.min(partBytes, lengthBytes - at), ended.signal);
  try {
    let next: Promise<Buffer> | null = read(0);
    for (let at = 0; next !== null; ) {
      const part: Buffer = await next;
      at += part.length;
      next = at < lengthBytes ? read(at) : null;
      next?.catch(() => undefined); // thrown where it is awaited
      yield part;
    }
  } finally {
    ended.abort(new Error('not read any more'));
  }
}

function explainGzip(image: StoredImage, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'Z_BUF_ERROR') return refuse(image, 'image.truncated', { detail: 'its gzip stream ends early' }, error);
  if (code.startsWith('Z_')) return refuse(image, 'image.corrupt', { detail: 'its gzip stream is not valid' }, error);
  return error;
}
