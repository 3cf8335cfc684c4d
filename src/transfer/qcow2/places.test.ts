import { describe, expect, it } from 'vitest';
import { clusterBytes } from './fresh-layout.ts';
import { createPlaces } from './places.ts';
import { readMap } from './qemu-map.ts';

const sizeBytes = 200 * 1024 * 1024;

const runs = (...lines: string[]): unknown[] => {
  const found: unknown[] = [];
  const map = readMap(4 * clusterBytes, (run) => found.push(run));
  for (const line of lines) map.line(line);
  map.end();
  return found;
};
const data = (start: number, length: number, offset: number, more = ''): string =>
  `{ "start": ${start}, "length": ${length}, "depth": 0, "present": true, "zero": false, "data": true, "offset": ${offset}${more}}`;
const zeros = (start: number, length: number): string =>
  `{ "start": ${start}, "length": ${length}, "depth": 0, "present": false, "zero": true, "data": false}`;

describe('the places of clusters', () => {
  it('are equal only where all of a chunk are known and the same', () => {
    const [ours, theirs] = [createPlaces(sizeBytes), createPlaces(sizeBytes)];
    ours.put(0, 1024, 4 * clusterBytes);
    theirs.put(0, 1000, 4 * clusterBytes);
    expect(theirs.digest(0)).toBeNull();
    theirs.put(1000, 24, 1004 * clusterBytes);
    expect(theirs.digest(0)?.equals(ours.digest(0)!)).toBe(true);
    theirs.forget(0);
    theirs.put(0, 1000, 4 * clusterBytes);
    theirs.put(1000, 24, 1005 * clusterBytes);
    expect(theirs.digest(0)?.equals(ours.digest(0)!)).toBe(false);
    ours.put(1024, 1024, 0);
    theirs.put(1024, 1023, 0);
    theirs.put(2047, 1, clusterBytes);
    expect(theirs.digest(1)?.equals(ours.digest(1)!)).toBe(false);
    // At two places one after the other: nobody knows which was meant.
    const torn = createPlaces(sizeBytes);
    torn.put(0, 1, clusterBytes);
    torn.put(0, 1, 2 * clusterBytes);
    torn.put(1, 1023, 5 * clusterBytes);
    expect(torn.digest(0)).toBeNull();
  });

  it('QEMU’s map is taken only whole, in order, and of one file', () => {
    const unit = clusterBytes;
    // Cut inside a cluster, as the file's own holes cut it: joined again.
    expect(
      runs(`[${data(0, 4096, 5 * unit)},`, `${data(4096, unit - 4096, 5 * unit + 4096)},${zeros(unit, 3 * unit)}]`),
    ).toEqual([
      { start: 0, length: unit, place: 5 * unit },
      { start: unit, length: 3 * unit, place: 0 },
    ]);
    for (const wrong of [
      [zeros(0, 3 * unit)],
      [zeros(0, unit), zeros(2 * unit, 2 * unit)],
      [zeros(0, 5 * unit)],
      [data(0, 4 * unit, 100)],
      [data(0, 4 * unit, 5 * unit).replace('"depth": 0', '"depth": 1')],
      [data(0, 4 * unit, 5 * unit, ', "compressed": true')],
      [data(0, 4 * unit, 5 * unit).replace(/, "offset": \d+/, '')],
      [data(0, 100, 5 * unit), zeros(100, 4 * unit - 100)],
      [''],
    ]) {
      expect(() => runs(...wrong)).toThrow('not one of ours');
    }
  });
});
