import { expect, test } from 'vitest';
import { roomOf } from './room.ts';

test('counts fragments, not the size that a file system likes to be read in', () => {
  // As GlusterFS by FUSE says it: reads of 128 KiB, counts of 4 KiB.
  const stats = { bsize: 131_072, frsize: 4_096, blocks: 26_214_400, bavail: 2_621_440 };
  expect(roomOf(stats)).toEqual({ capacityBytes: 100 * 2 ** 30, freeBytes: 10 * 2 ** 30 });
});
