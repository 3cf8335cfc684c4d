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

it('unites what meets or overlaps, in whatever order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 9 })), { maxLength: 20 }), (pairs) => {
      const ranges = pairs.map(([offset, length]) => ({ offset, length }));
      const places = (of: readonly Range[]): number[] =>
        [...new Set(of.flatMap((one) => Array.from({ length: one.length }, (_, at) => one.offset + at)))].toSorted(
          (a, b) => a - b,
        );
      const found = united(ranges);
      expect(places(found)).toEqual(places(ranges));
      for (const [at, one] of found.entries()) {
        expect(found[at - 1] === undefined || found[at - 1]!.offset + found[at - 1]!.length < one.offset).toBe(true);
      }
    }),
  );
});
