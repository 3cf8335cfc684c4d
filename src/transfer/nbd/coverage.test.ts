import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { coverage } from './coverage.ts';

/** Random cuts of a range into parts, in random order. */
const parts = fc
  .tuple(
    fc.integer({ min: 2, max: 2000 }),
    fc.array(fc.nat({ max: 2000 }), { maxLength: 30 }),
    fc.infiniteStream(fc.nat()),
  )
  .map(([size, cuts, random]) => {
    const at = [...new Set([0, ...cuts.filter((cut) => cut < size), size])].sort((a, b) => a - b);
    const list = at.slice(1).map((end, index) => ({ offset: at[index] ?? 0, length: end - (at[index] ?? 0) }));
    const keyed = list.map((part) => ({ part, key: random.next().value ?? 0 }));
    return { size, parts: keyed.sort((a, b) => a.key - b.key).map(({ part }) => part) };
  });

test('parts in any order cover the whole, and one left out does not', () => {
  fc.assert(
    fc.property(parts, ({ size, parts: list }) => {
      const covered = coverage();
      for (const { offset, length } of list.slice(1)) expect(covered.add(offset, length)).toBe(true);
      expect(covered.coveredBytes).toBe(size - list[0]!.length);
      expect(covered.add(list[0]!.offset, list[0]!.length)).toBe(true);
      expect(covered.coveredBytes).toBe(size);
    }),
  );
});

test('a byte that comes twice is refused, whatever the order', () => {
  fc.assert(
    fc.property(parts, fc.nat(), ({ size, parts: list }, where) => {
      const covered = coverage();
      for (const { offset, length } of list) covered.add(offset, length);
      expect(covered.add(where % size, 1)).toBe(false);
      expect(covered.coveredBytes).toBe(size);
    }),
  );
});

test('a server that sends every second byte is cut off before it costs memory', () => {
  const covered = coverage();
  let accepted = 0;
  while (covered.add(accepted * 2, 1)) accepted++;
  expect(accepted).toBe(4096);
});
