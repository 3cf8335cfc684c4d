/** A raw image, or a part of a file that is one, with its holes. */
import { stat } from 'node:fs/promises';
import type { Disk, FileRange } from '../disk.ts';
import { openFileRange } from '../file.ts';
import { openImage } from './volume.ts';

const sectorBytes = 512;

/**
 * Bytes come straight from the file. Where the file has holes (fewer blocks than its size), a qemu-nbd beside it says
 * where they are; it never moves a byte. Its socket goes into `directory`.
 * @throws what `openFileRange` and `openImage` throw.
 */
export async function openRawRange(range: FileRange, directory: string, signal: AbortSignal): Promise<Disk> {
  const disk = await openFileRange(range, signal);
  if (range.remote !== undefined) return disk;
  try {
    const { size, blocks } = await stat(range.path);
    const mapped = range.offset % sectorBytes === 0 && range.lengthBytes > 0;
    if (!mapped || blocks * sectorBytes >= size) return disk;
    const part = { offset: range.offset, lengthBytes: range.lengthBytes };
    const image = { path: range.path, format: 'raw' as const, part };
    const map = await openImage({ image, readOnly: true, directory, cache: 'writeback' }, signal);
    return {
      ...disk,
      extents: (wanted, extentsSignal) => map.extents(wanted, extentsSignal),
      async close() {
        await Promise.all([disk.close(), map.close()]);
      },
    };
  } catch (error) {
    await disk.close();
    throw error;
  }
}
