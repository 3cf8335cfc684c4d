import type { Disk } from '../../transfer/disk.ts';

/** A disk without content, as an OVF asks for one by naming no file: all zeros. */
export function emptyDisk(sizeBytes: number): Disk {
  return {
    sizeBytes,
    access: 'random',
    async *extents({ offset, length }) {
      if (length > 0) yield { offset, length, kind: 'zero' };
    },
    read: async (_offset, length) => Buffer.alloc(length),
    close: async () => undefined,
  };
}
