import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Range } from './disk.ts';
import { holds, united } from './ranges.ts';

const gaps = fc.array(fc.record({ gap: fc.nat(5), length: fc.integer({ min: 1, max: 9 }) }), { maxLength: 30 });

it('finds exactly what a look at every range finds', () => {
  fc.assert(
    fc.property(gaps, fc.nat(300), fc.integer({ min: 1, max: 9 }), (pieces, offset, length) => {
      const ranges: Range[] = [];
      let at = 0;
      for (const piece of pieces) {
        ranges.push({ offset: at + piece.gap, length: piece.length });
        at += piece.gap + piece.length;
      }
      const end = offset + length;
      const expected = ranges.some((one) => one.offset <= offset && one.offset + one.length >= end);
      expect(holds(ranges, { offset, length })).toBe(expected);
    }),
  );
});

const placesOf = (ranges: readonly Range[]): number[] => {
  const all = ranges.flatMap(({ offset, length }) => Array.from({ length }, (_, at) => offset + at));
  return [...new Set(all)].toSorted((a, b) => a - b);
};

it('unites what meets or overlaps, in whatever order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 9 })), { maxLength: 20 }), (pairs) => {
      const ranges = pairs.map(([offset, length]) => ({ offset, length }));
      const found = united(ranges);
      expect(placesOf(found)).toEqual(placesOf(ranges));
      for (const [at, one] of found.entries()) {
        expect(found[at - 1] === undefined || found[at - 1]!.offset + found[at - 1]!.length < one.offset).toBe(true);
      }
    }),
  );
});
