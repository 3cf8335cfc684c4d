/** The disk that a conversion makes of its source, without writing it anywhere: what the overlay holds, else the source. */
import type { Disk, Extent, Range } from './disk.ts';

/**
 * `clusters`: the overlay's own, ascending, without overlaps; what it trimmed reads as zeros. `overlay` is opened without
 * what is behind it. Nothing is closed but by who opened it.
 */
export function composedDisk(source: Disk, overlay: Disk, clusters: readonly Extent[]): Disk {
  if (source.access === 'sequential') throw new Error('a source that is read in order cannot lie behind an overlay');
  const { sizeBytes } = source;

  async function* extents({ offset, length }: Range, signal: AbortSignal): AsyncGenerator<Extent> {
    const end = offset + length;
    let at = offset;
    for (let index = firstAfter(clusters, offset); at < end; index += 1) {
      const cluster = clusters[index];
      const gapEnd = Math.min(cluster?.offset ?? end, end);
      if (gapEnd > at) {
        yield* source.extents({ offset: at, length: gapEnd - at }, signal);
        at = gapEnd;
      }
      if (cluster === undefined || at >= end) continue;
      const stop = Math.min(cluster.offset + cluster.length, end);
      yield { offset: at, length: stop - at, kind: cluster.kind };
      at = stop;
    }
  }
  const readInto = async (offset: number, buffer: Buffer, signal: AbortSignal): Promise<void> => {
    const reads: Promise<void>[] = [];
    for (const piece of pieces(clusters, { offset, length: buffer.length })) {
      const part = buffer.subarray(piece.offset - offset, piece.offset - offset + piece.length);
      if (piece.from === 'zero') part.fill(0);
      else reads.push(readOne(piece.from === 'overlay' ? overlay : source, piece.offset, part, signal));
    }
    const failed = (await Promise.allSettled(reads)).find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  return {
    sizeBytes,
    access: 'random',
    extents,
    readInto,
    async read(offset, length, signal) {
      const buffer = Buffer.alloc(length);
      await readInto(offset, buffer, signal);
      return buffer;
    },
    close: () => Promise.resolve(),
  };
}

type Piece = Range & { readonly from: 'source' | 'overlay' | 'zero' };

/** Who has which part of a range. */
export function pieces(clusters: readonly Extent[], { offset, length }: Range): Piece[] {
  const end = offset + length;
  const found: Piece[] = [];
  let at = offset;
  for (let index = firstAfter(clusters, offset); at < end; index += 1) {
    const cluster = clusters[index];
    const gapEnd = Math.min(cluster?.offset ?? end, end);
    if (gapEnd > at) found.push({ offset: at, length: gapEnd - at, from: 'source' });
    at = Math.max(at, gapEnd);
    if (cluster === undefined || at >= end) break;
    const stop = Math.min(cluster.offset + cluster.length, end);
    found.push({ offset: at, length: stop - at, from: cluster.kind === 'zero' ? 'zero' : 'overlay' });
    at = stop;
  }
  return found;
}

/** The first cluster that ends after `offset`. */
function firstAfter(clusters: readonly Extent[], offset: number): number {
  let [low, high] = [0, clusters.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const cluster = clusters[middle];
    if (cluster !== undefined && cluster.offset + cluster.length <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function readOne(disk: Disk, offset: number, buffer: Buffer, signal: AbortSignal): Promise<void> {
  if (disk.readInto !== undefined) await disk.readInto(offset, buffer, signal);
  else (await disk.read(offset, buffer.length, signal)).copy(buffer);
}
