/**
 * A raw volume's bytes are at the same place in its file, so whole pages of them go there and come from there by O_DIRECT,
 * without a socket and a second process in between; all else (holes, zeroing, odd edges) stays with qemu-nbd. Both go past
 * the page cache and see each other's writes. Writing 2 GiB so costs 0.1 to 0.2 s of system time (4 MiB at a time,
 * measured apart from the copy).
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { WherryError } from '../../model/errors.ts';
import { alignBytes, isPageAligned } from '../memory.ts';
import type { NbdDisk } from './client.ts';
import { errnos } from './constants.ts';
import { type Action, requestFailure } from './failure.ts';
import { lockHeld } from './lock-held.ts';
import { checkRange } from './pieces.ts';

/** A leaf: fewer wake-ups of threads, as for all files. */
const directReadBytes = 4 * 1024 * 1024;

/**
 * `disk` by another way where that works (regular files and block devices whose file system has O_DIRECT), else as it is.
 * @param ended of the process that holds the lock, for who writes
 */
export async function direct(
  disk: NbdDisk,
  path: string,
  readOnly: boolean,
  ended: Promise<string> = new Promise(() => undefined),
): Promise<NbdDisk> {
  const mustBeHeld = lockHeld(ended, path);
  const file = await openDirect(path, readOnly);
  if (file === null) return disk;
  /** Some file systems accept the flag and refuse the requests. */
  let works = true;
  /** Something went to qemu-nbd since it was last flushed. A sync of our descriptor is one of the whole file, whoever wrote. */
  let besides = false;
  /** Bytes of the beginning of the buffer that went; the rest is for qemu-nbd. */
  const transfer = async (action: 'read' | 'write', offset: number, buffer: Buffer): Promise<number> => {
    if (!works || offset % alignBytes !== 0 || !isPageAligned(buffer)) return 0;
    const whole = buffer.length - (buffer.length % alignBytes);
    for (let done = 0; done < whole; ) {
      let moved: number;
      try {
        const at = offset + done;
        moved =
          action === 'read'
            ? (await file.read(buffer, done, whole - done, at)).bytesRead
            : (await file.write(buffer, done, whole - done, at)).bytesWritten;
      } catch (error) {
        if (codeOf(error) !== 'EINVAL') throw failure(error, action, path, offset, buffer.length);
        works = false;
        return done;
      }
      // The end of the file, or a part of a page: what is missing is qemu-nbd's to read or to refuse.
      if (moved <= 0 || moved % alignBytes !== 0) return done;
      done += moved;
    }
    return whole;
  };

  return {
    ...disk,
    readBytes: directReadBytes,
    async readInto(offset, buffer, signal) {
      signal.throwIfAborted();
      checkRange(offset, buffer.length, disk.sizeBytes);
      const done = await transfer('read', offset, buffer);
      if (done < buffer.length) await disk.readInto(offset + done, buffer.subarray(done), signal);
    },
    async write(offset, data, signal) {
      signal.throwIfAborted();
      checkRange(offset, data.length, disk.sizeBytes);
      mustBeHeld();
      const done = readOnly ? 0 : await transfer('write', offset, data);
      if (done === data.length && !readOnly) return;
      besides = true;
      await disk.write(offset + done, data.subarray(done), signal);
    },
    async zero(offset, length, signal) {
      besides = true;
      await disk.zero(offset, length, signal);
    },
    async trim(offset, length, signal) {
      besides = true;
      await disk.trim(offset, length, signal);
    },
    async flush(signal) {
      signal.throwIfAborted();
      if (!readOnly) {
        await file.datasync().catch((error: unknown) => {
          throw failure(error, 'flush', path, 0, 0);
        });
        mustBeHeld();
      }
      // Each sync makes the device write out its cache: a second one at once, for nothing, costs as much as the first.
      if (!besides) return;
      besides = false;
      try {
        await disk.flush(signal);
      } catch (error) {
        besides = true;
        throw error;
      }
    },
    // The holes are asked of qemu-nbd, which asks the file each time; the bytes come past all caches, by a new descriptor.
    readBack: async () => {
      const own = { ...disk, close: () => Promise.resolve() };
      return direct(own, path, true);
    },
    async close() {
      await file.close();
      await disk.close();
    },
  };
}

/** Null where it cannot be had: then qemu-nbd's own way is right, or its own words say what is wrong. */
export async function openDirect(path: string, readOnly: boolean): Promise<FileHandle | null> {
  try {
    const file = await open(path, (readOnly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_DIRECT);
    const facts = await file.stat();
    if (facts.isFile() || facts.isBlockDevice()) return file;
    await file.close();
    return null;
  } catch {
    return null;
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** The same errors as those of an NBD server whose storage fails so. */
export function failure(error: unknown, action: Action, where: string, offset: number, length: number): WherryError {
  const code = codeOf(error);
  const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  const errno = full ? errnos.ENOSPC : code === 'EPERM' || code === 'EROFS' ? errnos.EPERM : errnos.EIO;
  const message = error instanceof Error ? error.message : String(error);
  return requestFailure({ errno, message }, action, where, offset, length);
}
