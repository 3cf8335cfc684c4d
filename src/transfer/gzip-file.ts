/** Raw disks in gzip files of our own: written as a stream, read back for the proof. */
import { stat } from 'node:fs/promises';
import { WherryError } from '../model/errors.ts';
import { runChild } from '../process/child.ts';
import type { Disk, GzipTools } from './disk.ts';
import { openGzipRaw } from './gzip.ts';
import { openGzipStream } from './gzip-stream.ts';

export const gzipTools: GzipTools = {
  create: openGzipStream,
  async readBack(path, sizeBytes, signal): Promise<Disk> {
    await dropCached(path, signal);
    const unreadable = (cause: unknown): WherryError => new WherryError('files.compressed_unreadable', { path }, cause);
    const { size } = await stat(path);
    const image = { path, offset: 0, lengthBytes: size, format: 'raw', gzip: true, vm: '', disk: '' } as const;
    const disk = await openGzipRaw({ ...image, sibling: () => null }, sizeBytes).catch((error: unknown) => {
      throw unreadable(error);
    });
    return {
      ...disk,
      read: async (offset, length, inner) => {
        try {
          return await disk.read(offset, length, inner);
        } catch (error) {
          inner.throwIfAborted();
          throw unreadable(error);
        }
      },
    };
  },
};

/** Node has no posix_fadvise; dd has, and with `count=0` it does nothing else: pages that are on disk leave the cache. */
async function dropCached(path: string, signal: AbortSignal): Promise<void> {
  await runChild('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none'], { signal, timeoutMs: 60_000 });
}
