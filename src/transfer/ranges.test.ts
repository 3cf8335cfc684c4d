import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Range } from './disk.ts';
import { holds } from './ranges.ts';

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
