import { open, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { FileRange, RemoteFile } from '../disk.ts';
import { type Owner, refuse } from './refuse.ts';

/** Where an image lies, without what else is said of it. */
export function fileRangeOf({ path, offset, lengthBytes, remote }: FileRange): FileRange {
  return { path, offset, lengthBytes, remote };
}

/** Bytes of a range, read at any offset within it. */
export type Bytes = {
  readonly lengthBytes: number;
  /** Exactly `length` bytes. @throws image.truncated past the end. */
  read(offset: number, length: number, signal: AbortSignal): Promise<Buffer>;
  /** Fills `into`. @throws image.truncated past the end. */
  readInto(into: Buffer, offset: number, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
};

/**
 * Opens a range read only.
 * @throws image.unreadable when the file cannot be opened or is not a file, image.truncated when it ends before the range does.
 */
export async function openBytes(range: FileRange, owner: Owner): Promise<Bytes> {
  if (range.remote !== undefined) return remoteBytes(range, range.remote, owner);
  const unreadable = (cause: unknown) =>
    refuse(owner, 'image.unreadable', { path: range.path, user: userInfo().username }, cause);
  // Looked at before it is opened: opening a FIFO waits for its other end, and a device may act.
  const found = await stat(range.path).catch((error: unknown) => {
    throw unreadable(error);
  });
  if (!found.isFile() && !found.isBlockDevice()) throw unreadable(new Error('it is not a regular file'));
  const file = await open(range.path, 'r').catch((error: unknown) => {
    throw unreadable(error);
  });
  const pastEnd = (detail: string) => refuse(owner, 'image.truncated', { detail });
  try {
    const { size } = await file.stat();
    if (found.isFile() && range.offset + range.lengthBytes > size) {
      throw pastEnd(`${range.path} has ${size} bytes, but the image should end at ${range.offset + range.lengthBytes}`);
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  const within = (offset: number, length: number): void => {
    if (offset + length <= range.lengthBytes) return;
    throw pastEnd(`it has ${range.lengthBytes} bytes, and something is expected at ${offset} to ${offset + length}`);
  };
  const readInto = async (into: Buffer, offset: number, signal: AbortSignal): Promise<void> => {
    within(offset, into.length);
    let done = 0;
    while (done < into.length) {
      signal.throwIfAborted();
      const { bytesRead } = await file
        .read(into, done, into.length - done, range.offset + offset + done)
        .catch((error: unknown) => {
          throw unreadable(error);
        });
      if (bytesRead === 0) throw pastEnd(`${range.path} became shorter while it was read`);
      done += bytesRead;
    }
  };
  return {
    lengthBytes: range.lengthBytes,
    readInto,
    read: async (offset, length, signal) => {
      within(offset, length);
      const buffer = Buffer.allocUnsafeSlow(length);
      await readInto(buffer, offset, signal);
      return buffer;
    },
    close: () => file.close(),
  };
}

function remoteBytes({ path, offset: start, lengthBytes }: FileRange, remote: RemoteFile, owner: Owner): Bytes {
  const pastEnd = (detail: string) => refuse(owner, 'image.truncated', { detail });
  if (start + lengthBytes > remote.sizeBytes) {
    throw pastEnd(`${path} has ${remote.sizeBytes} bytes, but the image should end at ${start + lengthBytes}`);
  }
  const read = async (offset: number, length: number, signal: AbortSignal): Promise<Buffer> => {
    if (offset + length <= lengthBytes) return remote.read(start + offset, length, signal);
    throw pastEnd(`it has ${lengthBytes} bytes, and something is expected at ${offset} to ${offset + length}`);
  };
  return {
    lengthBytes,
    read,
    readInto: async (into, offset, signal) => void (await read(offset, into.length, signal)).copy(into),
    close: async () => {},
  };
}

/** As `openBytes`, but what was read from a stream's beginning: the inspector's view of a gzip'd member. */
export function headBytes(head: Buffer, owner: Owner): Bytes {
  const part = (offset: number, length: number): Buffer => {
    if (offset + length <= head.length) return head.subarray(offset, offset + length);
    throw refuse(owner, 'image.truncated', { detail: `it unpacks to ${head.length} bytes before its header ends` });
  };
  return {
    lengthBytes: head.length,
    readInto: async (into, offset) => void part(offset, into.length).copy(into),
    read: async (offset, length) => part(offset, length),
    close: async () => {},
  };
}

/** Little- and big-endian 64-bit numbers; beyond 2^53 they lose precision, which no accepted size or offset reaches. */
export const u64le = (buffer: Buffer, at: number): number => Number(buffer.readBigUInt64LE(at));
export const u64be = (buffer: Buffer, at: number): number => Number(buffer.readBigUInt64BE(at));
