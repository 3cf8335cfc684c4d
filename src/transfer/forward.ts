/**
 * A disk that can only be read in order, read at places that only go up: what lies between is read and dropped. For the
 * rare second look at such a source (a chunk that differed, a restored cluster); each costs a pass from its beginning.
 */
import type { Disk } from './disk.ts';

const blockBytes = 1024 * 1024;

/** One read at a time, each behind the one before. Any other disk is read as it is. */
export function readingForward(disk: Disk): Disk['read'] {
  if (disk.access === 'random') return (offset, length, signal) => disk.read(offset, length, signal);
  let position = 0;
  return async (offset, length, signal) => {
    if (offset < position) throw new Error(`a read at ${offset} comes after one up to ${position}`);
    while (position < offset) {
      const dropped = Math.min(blockBytes, offset - position);
      await disk.read(position, dropped, signal);
      position += dropped;
    }
    position += length;
    return disk.read(offset, length, signal);
  };
}
