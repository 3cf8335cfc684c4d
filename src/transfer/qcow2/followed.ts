/**
 * What was written to a fresh image, read back while it is written: by a descriptor of its own, past the page cache, from
 * where the writer's tables have put it. They are ours and prove nothing, so the places are remembered, and what was read
 * counts only where QEMU finds the image's clusters at the same ones in the end (qemu-map.ts), if nothing was written
 * there since.
 */
import type { FileHandle } from 'node:fs/promises';
import { WherryError } from '../../model/errors.ts';
import { chunkBytes, chunkCount, leafBytes } from '../digest.ts';
import type { Disk, Range } from '../disk.ts';
import { alignBytes, isPageAligned, sharedMemory } from '../memory.ts';
import { failure, openDirect } from '../nbd/direct.ts';
import { checkRange } from '../nbd/pieces.ts';
import type { FreshImage } from './fresh-image.ts';
import { clusterBytes } from './fresh-layout.ts';
import { type Places, createPlaces, hole } from './places.ts';

export type Followed = {
  /** What is entered by then, as a disk that is read only. @throws transfer.read_failed where O_DIRECT cannot be had */
  open(): Promise<Disk>;
  /** Something writes there, or has written: called before it begins and after it has ended. */
  changed(offset: number, length: number): void;
  /** Those of the ranges that were read from where `told` says as well, and not written to since. */
  standing(ranges: readonly Range[], told: Pick<Places, 'digest'>): Range[];
};

export function createFollowed(image: Pick<FreshImage, 'places'>, path: string, sizeBytes: number): Followed {
  const seen = createPlaces(sizeBytes);
  /** What was read counts if it was begun after the last change of its chunk. */
  const changedAt = new Float64Array(chunkCount(sizeBytes));
  let now = 0;
  const note = (begun: number, first: number, count: number, place: number): void => {
    for (const chunk of chunksOf({ offset: first * clusterBytes, length: count * clusterBytes })) {
      if ((changedAt[chunk] ?? 0) > begun) return;
    }
    seen.put(first, count, place);
  };

  return {
    async open() {
      const file = await openDirect(path, true);
      if (file === null) {
        throw new WherryError('transfer.read_failed', { where: path, offset: 0, length: 0, errno: 'EINVAL' });
      }
      const readInto = async (offset: number, buffer: Buffer): Promise<void> => {
        checkRange(offset, buffer.length, sizeBytes);
        const begun = now;
        const end = offset + buffer.length;
        const runs = [...image.places(...clustersOf({ offset, length: buffer.length }))];
        for (const { first, count, place } of runs) {
          const from = Math.max(first * clusterBytes, offset);
          const into = buffer.subarray(from - offset, Math.min((first + count) * clusterBytes, end) - offset);
          if (place === hole) into.fill(0);
          else
            await readAt(file, into, place + (from - first * clusterBytes)).catch((error: unknown) => {
              throw failure(error, 'read', path, from, into.length);
            });
        }
        // Holes first: they were told of before, and a chunk that is known whole must not be told of again.
        for (const { first, count, place } of runs) if (place === hole) note(begun, first, count, place);
        for (const { first, count, place } of runs) if (place !== hole) note(begun, first, count, place);
      };
      return {
        sizeBytes,
        access: 'random',
        readBytes: leafBytes,
        async *extents(range, signal) {
          const end = range.offset + range.length;
          for (const { first, count, place } of image.places(...clustersOf(range))) {
            signal.throwIfAborted();
            const offset = Math.max(first * clusterBytes, range.offset);
            const length = Math.min((first + count) * clusterBytes, end) - offset;
            if (place === hole) note(now, first, count, hole);
            yield { offset, length, kind: place === hole ? 'zero' : 'data' };
          }
        },
        async read(offset, length, signal) {
          signal.throwIfAborted();
          const buffer = sharedMemory(length).subarray(0, length);
          await readInto(offset, buffer);
          return buffer;
        },
        async readInto(offset, buffer, signal) {
          signal.throwIfAborted();
          await readInto(offset, buffer);
        },
        close: () => file.close(),
      };
    },
    changed(offset, length) {
      now += 1;
      for (const chunk of chunksOf({ offset, length })) {
        changedAt[chunk] = now;
        seen.forget(chunk);
      }
    },
    standing: (ranges, told) =>
      ranges.filter((range) =>
        chunksOf(range).every((chunk) => {
          const mine = seen.digest(chunk);
          return mine !== null && told.digest(chunk)?.equals(mine) === true;
        }),
      ),
  };
}

/** The first one and the one after the last. */
function clustersOf({ offset, length }: Range): [number, number] {
  return [Math.floor(offset / clusterBytes), Math.ceil((offset + length) / clusterBytes)];
}

function chunksOf({ offset, length }: Range): number[] {
  const first = Math.floor(offset / chunkBytes);
  const end = Math.ceil((offset + length) / chunkBytes);
  return Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index);
}

/** Fills `into` from `at` of the file; whole pages at once, what is none by way of one. */
async function readAt(file: FileHandle, into: Buffer, at: number): Promise<void> {
  const straight = at % alignBytes === 0 && isPageAligned(into) ? into.length - (into.length % alignBytes) : 0;
  await readPages(file, into.subarray(0, straight), at);
  const rest = into.subarray(straight);
  if (rest.length === 0) return;
  const skipped = (at + straight) % alignBytes;
  const pages = sharedMemory(Math.ceil((skipped + rest.length) / alignBytes) * alignBytes);
  await readPages(file, pages, at + straight - skipped);
  pages.copy(rest, 0, skipped, skipped + rest.length);
}

async function readPages(file: FileHandle, into: Buffer, at: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, at + done);
    if (bytesRead <= 0 || bytesRead % alignBytes !== 0) throw new Error(`the file ends at ${at + done + bytesRead}`);
    done += bytesRead;
  }
}
