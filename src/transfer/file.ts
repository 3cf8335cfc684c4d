/**
 * A part of a file as a disk, read only: a raw image, a flat extent, a member of an archive at its offset.
 *
 * Node cannot ask a file where its holes are (no SEEK_DATA). So everything is `data` here, and the zero detection of the
 * copy finds zeros after reading them, which costs time for sparse files only. For those `openRawRange` (nbd/sparse.ts)
 * asks qemu-nbd for the map and still reads the bytes from here.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { WherryError } from '../model/errors.ts';
import { isAway } from '../model/system-errors.ts';
import type { Disk, FileRange, RemoteFile } from './disk.ts';
import { checkRange } from './nbd/pieces.ts';

/** Copying 4 GiB took 0.2 s of CPU less in reads of 4 MiB than in those of 1 MiB (4.0 and 4.2 s, docs/benchmarks.md). */
const fileReadBytes = 4 * 1024 * 1024;

/**
 * @throws WherryError transfer.source_shrank when the file ends before the range does, at once or while reading: what is
 * missing never reads as zeros. Else the system's error (ENOENT, EACCES).
 */
export async function openFileRange(range: FileRange, signal: AbortSignal): Promise<Disk> {
  signal.throwIfAborted();
  if (range.remote !== undefined) return remoteRange(range, range.remote);
  const file = await open(range.path, 'r');
  try {
    const facts = await file.stat();
    const needed = range.offset + range.lengthBytes;
    // A block device says 0; there the first read past its end tells.
    if (facts.isFile() && facts.size < needed) {
      throw new WherryError('transfer.source_shrank', { path: range.path, end: facts.size, needed });
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  let closed: Promise<void> | undefined;
  const readInto = async (offset: number, buffer: Buffer, readSignal: AbortSignal): Promise<void> => {
    readSignal.throwIfAborted();
    checkRange(offset, buffer.length, range.lengthBytes);
    await readAll(file, range, offset, buffer);
  };
  return {
    sizeBytes: range.lengthBytes,
    access: 'random',
    readBytes: fileReadBytes,
    async *extents({ offset, length }) {
      checkRange(offset, length, range.lengthBytes);
      if (length > 0) yield { offset, length, kind: 'data' as const };
    },
    async read(offset, length, readSignal) {
      const buffer = Buffer.allocUnsafeSlow(length);
      await readInto(offset, buffer, readSignal);
      return buffer;
    },
    readInto,
    close() {
      // Nothing was written: storage that is away refuses even this, and that is not news.
      closed ??= file.close().catch((error: unknown) => {
        if (!isAway(error)) throw error;
      });
      return closed;
    },
  };
}

function remoteRange({ path, offset: start, lengthBytes }: FileRange, remote: RemoteFile): Disk {
  const needed = start + lengthBytes;
  if (remote.sizeBytes < needed) {
    throw new WherryError('transfer.source_shrank', { path, end: remote.sizeBytes, needed });
  }
  return {
    sizeBytes: lengthBytes,
    access: 'random',
    async *extents({ offset, length }) {
      checkRange(offset, length, lengthBytes);
      if (length > 0) yield { offset, length, kind: 'data' as const };
    },
    async read(offset, length, signal) {
      checkRange(offset, length, lengthBytes);
      return remote.read(start + offset, length, signal);
    },
    close: async () => {},
  };
}

async function readAll(file: FileHandle, range: FileRange, offset: number, buffer: Buffer): Promise<void> {
  for (let done = 0; done < buffer.length; ) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, range.offset + offset + done);
    if (bytesRead === 0) {
      const end = range.offset + offset + done;
      throw new WherryError('transfer.source_shrank', {
        path: range.path,
        end,
        needed: range.offset + range.lengthBytes,
      });
    }
    done += bytesRead;
  }
}
