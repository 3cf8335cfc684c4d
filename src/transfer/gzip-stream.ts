/**
 * A raw disk as a gzip file, written in order. It is made of members of at most 64 MiB, one after the other, which every
 * gunzip reads as one file (RFC 1952, 2.2): so all cores compress side by side, and zeros are compressed once.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { WherryError } from '../model/errors.ts';
import type { StreamDisk } from './disk.ts';
import { systemCode } from './retry.ts';

const compress = promisify(gzip);
/** Fast: a copy shall wait for its disks and not for this. 150 MB/s and more on each core. */
const level = 1;
/** The longest member of zeros: 64 MiB, 64 KiB when compressed. */
const zerosAtOnce = 64 * 1024 * 1024;

/** The file at `path`, which must be there, from its beginning: what it held is gone. */
export async function openGzipStream(path: string, sizeBytes: number): Promise<StreamDisk> {
  const file = await open(path, 'r+');
  try {
    await file.truncate(0);
  } catch (error) {
    await file.close();
    throw error;
  }
  const zeroMembers = new Map<number, Promise<Buffer>>();
  let taken = 0;
  /** Stays rejected: behind a part that failed nothing may follow. */
  let written: Promise<void> = Promise.resolve();

  const append = (length: number, member: Promise<Buffer>, times = 1): Promise<void> => {
    const offset = taken;
    taken += length;
    if (taken > sizeBytes) return Promise.reject(new Error(`${taken} bytes for a disk of ${sizeBytes}`));
    member.catch(() => undefined); // told below
    written = written.then(async () => {
      const bytes = await member;
      for (let time = 0; time < times; time += 1) await writeAll(file, bytes, { path, offset });
    });
    written.catch(() => undefined);
    return written;
  };
  const zeroMember = (length: number): Promise<Buffer> => {
    const known = zeroMembers.get(length);
    if (known !== undefined) return known;
    const made = compress(Buffer.alloc(length), { level: 9 });
    // The long one is needed again and again, the others seldom.
    if (length === zerosAtOnce) zeroMembers.set(length, made);
    return made;
  };
  return {
    sizeBytes,
    write: (data) => append(data.length, compress(data, { level })),
    async zeros(length) {
      const whole = Math.floor(length / zerosAtOnce);
      const rest = length % zerosAtOnce;
      // Both are begun at once, so that what is called next comes after both.
      const parts = [
        ...(whole > 0 ? [append(whole * zerosAtOnce, zeroMember(zerosAtOnce), whole)] : []),
        ...(rest > 0 ? [append(rest, zeroMember(rest))] : []),
      ];
      await Promise.all(parts);
    },
    async flush() {
      await written;
      await synced(file, path);
    },
    async end() {
      await written;
      if (taken !== sizeBytes) throw new Error(`${taken} of ${sizeBytes} bytes came`);
      await synced(file, path);
    },
    async close() {
      await written.catch(() => undefined);
      await file.close();
    },
  };
}

async function writeAll(file: FileHandle, bytes: Buffer, where: Where): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += (await file.write(bytes, done)).bytesWritten;
    } catch (error) {
      throw failure(error, where);
    }
  }
}

async function synced(file: FileHandle, path: string): Promise<void> {
  await file.datasync().catch((error: unknown) => {
    throw failure(error, { path, offset: 0 });
  });
}

type Where = { readonly path: string; readonly offset: number };

function failure(error: unknown, { path, offset }: Where): unknown {
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemCode(error))) {
    return new WherryError('transfer.no_space', { where: path, offset }, error);
  }
  return error;
}
