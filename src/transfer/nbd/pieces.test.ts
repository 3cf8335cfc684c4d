import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkRange, isAligned, pieces, splitAligned, widen } from './pieces.ts';

const wanted = fc
  .tuple(
    fc.nat({ max: 100_000 }),
    fc.nat({ max: 100_000 }),
    fc.constantFrom(1, 2, 512, 4096, 65536),
    fc.nat({ max: 9000 }),
  )
  .map(([offset, length, block, rest]) => ({ range: { offset, length }, block, size: offset + length + rest }));

test('pieces follow each other without gaps, and none is too long', () => {
  fc.assert(
    fc.property(wanted, fc.integer({ min: 64, max: 70_000 }), ({ range }, max) => {
      let at = range.offset;
      for (const piece of pieces(range, max)) {
        expect(piece.offset).toBe(at);
        expect(piece.length).toBeGreaterThan(0);
        expect(piece.length).toBeLessThanOrEqual(max);
        expect(Math.floor(piece.offset / max)).toBe(Math.floor((piece.offset + piece.length - 1) / max));
        at += piece.length;
      }
      expect(at).toBe(range.offset + range.length);
    }),
  );
});

test('widening gives whole blocks around the range, and never goes past the end of the disk', () => {
  fc.assert(
    fc.property(wanted, ({ range, block, size }) => {
      const whole = widen(range, block, size);
      expect(whole.offset).toBeLessThanOrEqual(range.offset);
      expect(whole.offset + whole.length).toBeGreaterThanOrEqual(range.offset + range.length);
      expect(whole.offset + whole.length).toBeLessThanOrEqual(size);
      expect(whole.offset % block).toBe(0);
      expect(isAligned(whole, block, size)).toBe(true);
    }),
  );
});

test('a split into partial and whole blocks covers every byte once, and its middle is aligned', () => {
  fc.assert(
    fc.property(wanted, ({ range, block, size }) => {
      const { partial, whole } = splitAligned(range, block, size);
      const all = [...partial, ...(whole === null ? [] : [whole])].sort((a, b) => a.offset - b.offset);
      let at = range.offset;
      for (const part of all) {
        expect(part.offset).toBe(at);
        at += part.length;
      }
      expect(at).toBe(range.offset + range.length);
      const middle = whole === null || whole.length === 0 || isAligned(whole, block, size);
      expect(middle).toBe(true);
      for (const { offset, length } of partial) {
        expect(Math.floor(offset / block)).toBe(Math.floor((offset + length - 1) / block));
      }
    }),
  );
});

test('a range outside of the disk is a defect of the caller', () => {
  expect(() => checkRange(0, 10, 10)).not.toThrow();
  expect(() => checkRange(1, 10, 10)).toThrow('past the end');
  expect(() => checkRange(-1, 1, 10)).toThrow('not a range');
  expect(() => checkRange(0.5, 1, 10)).toThrow('not a range');
});
