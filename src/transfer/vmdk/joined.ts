import type { Disk, Extent, Range } from '../disk.ts';

/** Several disks one behind the other, as one: the extents of a VMDK that is stored in many files. */
export function joinDisks(disks: readonly Disk[]): Disk {
  const [first] = disks;
  if (first !== undefined && disks.length === 1) return first;
  const starts: number[] = [];
  let sizeBytes = 0;
  for (const disk of disks) {
    starts.push(sizeBytes);
    sizeBytes += disk.sizeBytes;
  }

  /** The parts of a range, each with its disk and its place there. */
  function* partsOf(range: Range): Generator<{ disk: Disk; start: number; range: Range }> {
    const end = range.offset + range.length;
    for (const [index, disk] of disks.entries()) {
      const start = starts[index] ?? 0;
      const from = Math.max(range.offset, start);
      const to = Math.min(end, start + disk.sizeBytes);
      if (from < to) yield { disk, start, range: { offset: from - start, length: to - from } };
    }
  }

  return {
    sizeBytes,
    access: 'random',
    async *extents(range: Range, signal: AbortSignal): AsyncGenerator<Extent> {
      for (const { disk, start, range: part } of partsOf(range)) {
        for await (const extent of disk.extents(part, signal)) yield { ...extent, offset: extent.offset + start };
      }
    },
    read: async (offset, length, signal) => {
      const parts = await Promise.all(
        [...partsOf({ offset, length })].map(({ disk, range }) => disk.read(range.offset, range.length, signal)),
      );
      const [only] = parts;
      return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts, length);
    },
    close: async () => void (await Promise.allSettled(disks.map((disk) => disk.close()))),
  };
}

/** A disk of zeros: a ZERO extent. */
export function zeroDisk(sizeBytes: number): Disk {
  return {
    sizeBytes,
    access: 'random',
    async *extents(range: Range): AsyncGenerator<Extent> {
      if (range.length > 0) yield { ...range, kind: 'zero' };
    },
    read: async (_offset, length) => Buffer.alloc(length),
    close: async () => {},
  };
}
