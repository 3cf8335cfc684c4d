/**
 * Where the clusters of an image are in its file, as one reader has found them, so that two readers can be compared. By the
 * chunk: 8 KiB while it is not known whole, a SHA-256 from then on, so that a large disk costs no more than a small one.
 */
import { hash } from 'node:crypto';
import { chunkBytes } from '../digest.ts';
import { clusterBytes } from './fresh-layout.ts';

/** The place of a cluster that reads as zeros and is nowhere. (At 0 there is the header.) */
export const hole = 0;

export type Places = {
  /**
   * `count` clusters from `first` are one behind the other from `place` of the file on, or are holes. Told once more of a
   * chunk that was known whole, all of it must be told again.
   */
  put(first: number, count: number, place: number): void;
  /** Of the chunk nothing is known any more. */
  forget(chunk: number): void;
  /** The same for two chunks only if all their clusters are at the same places. Null: not all of them are known. */
  digest(chunk: number): Buffer | null;
};

const clustersPerChunk = chunkBytes / clusterBytes;
const unknown = -1;

export function createPlaces(sizeBytes: number): Places {
  const clusters = Math.ceil(sizeBytes / clusterBytes);
  const partial = new Map<number, { readonly places: Float64Array; left: number }>();
  const whole = new Map<number, Buffer>();
  const allHole = digestOf(new Float64Array(clustersPerChunk));

  const putInto = (chunk: number, first: number, count: number, place: number): void => {
    const from = chunk * clustersPerChunk;
    const length = Math.min(clustersPerChunk, clusters - from);
    whole.delete(chunk);
    if (place === hole && count === clustersPerChunk) {
      partial.delete(chunk);
      whole.set(chunk, allHole);
      return;
    }
    const known = partial.get(chunk) ?? { places: new Float64Array(length).fill(unknown), left: length };
    partial.set(chunk, known);
    for (let index = 0; index < count; index += 1) {
      const at = first + index - from;
      const now = place === hole ? hole : place + index * clusterBytes;
      const before = known.places[at];
      if (before === unknown) known.left -= 1;
      // In two places at two times: it counts for nothing that they are all known.
      else if (before !== now) known.left = Number.POSITIVE_INFINITY;
      known.places[at] = now;
    }
    if (known.left > 0) return;
    partial.delete(chunk);
    whole.set(chunk, digestOf(known.places));
  };

  return {
    put(first, count, place) {
      const end = Math.min(first + count, clusters);
      for (let at = first; at < end; ) {
        const chunk = Math.floor(at / clustersPerChunk);
        const stop = Math.min(end, (chunk + 1) * clustersPerChunk);
        putInto(chunk, at, stop - at, place === hole ? hole : place + (at - first) * clusterBytes);
        at = stop;
      }
    },
    forget(chunk) {
      partial.delete(chunk);
      whole.delete(chunk);
    },
    digest: (chunk) => whole.get(chunk) ?? null,
  };
}

function digestOf(places: Float64Array): Buffer {
  return hash('sha256', Buffer.from(places.buffer), 'buffer');
}
