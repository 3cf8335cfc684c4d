/** Whatever a source says, each object is one row, and no two have one identity: what is stored would be refused otherwise. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bind, type Facts, type Known, keyOf, secondIdentityOf } from './bind.ts';

const nothing: Facts = { reading: false, leaving: new Set() };
const reading: Facts = { reading: true, leaving: new Set() };
const known = (id: string, identity: string, ref: string, more: Partial<Known> = {}): Known => {
  return { id, kind: 'vm', identity, ref, gone: false, named: false, ...more };
};
const vm = (ref: string, stableId: string | null) => ({ kind: 'vm', ref, stableId });

test('a VM that was registered anew is the same; the one that stands in its old place now is another', () => {
  const { bound, displaced } = bind([vm('vm-1', 'U'), vm('vm-2', 'new')], [known('row', 'U', 'vm-2')], reading);
  expect(bound.map(({ identity }) => identity)).toEqual(['U', 'new']);
  expect(bound[0]?.id).toBe('row');
  expect(bound[1]?.id).not.toBe('row');
  expect(displaced).toEqual([]);
});

test('the second of two with one stable id stays the second', () => {
  const first = bind([vm('vm-1', 'U'), vm('vm-2', 'U')], [], nothing).bound;
  expect(first.map(({ identity }) => identity)).toEqual(['U', expect.stringMatching(/^second:/)]);
  const rows = first.map(({ id, identity, object }) => known(id, identity, object.ref));
  const again = bind([vm('vm-2', 'U'), vm('vm-1', 'U')], rows, reading).bound;
  expect(again.map(({ id }) => id)).toEqual([first[1]?.id, first[0]?.id]);
});

test('each object has its own row and its own identity, whatever a source says', () => {
  const refs = ['a', 'b', 'c', 'd'];
  const seconds = refs.map((ref) => secondIdentityOf(vm(ref, 'U')));
  const ids = ['U', 'V', 'a', 'b', ...seconds];
  const objects = fc.uniqueArray(
    fc.record({ kind: fc.constant('vm'), ref: fc.constantFrom(...refs), stableId: fc.option(fc.constantFrom(...ids)) }),
    { selector: ({ ref }) => ref },
  );
  const stored = fc.uniqueArray(
    fc.record({
      kind: fc.constant('vm'),
      identity: fc.constantFrom(...ids, ...refs),
      ref: fc.constantFrom(...refs),
      gone: fc.boolean(),
      named: fc.boolean(),
    }),
    { selector: ({ identity }) => identity },
  );
  fc.assert(
    fc.property(objects, stored, fc.boolean(), fc.subarray(refs), (given, rows, isReading, leaving) => {
      const before = rows.map((row, at) => ({ ...row, id: `row-${at}` }));
      const facts = { reading: isReading, leaving: new Set(leaving.map((ref) => keyOf('vm', ref))) };
      const { bound, displaced } = bind(given, before, facts);
      expect(new Set(bound.map(({ id }) => id)).size).toBe(given.length);
      // As the database does it: one after the other, each identity held by one row at any moment.
      const held = new Map(before.map(({ identity, id }) => [identity, id]));
      for (const { id, identity } of bound) {
        expect(held.get(identity) ?? id).toBe(id);
        for (const [other, holder] of held) if (holder === id) held.delete(other);
        held.set(identity, id);
      }
      for (const id of displaced) expect(bound.some((one) => one.id === id)).toBe(false);
    }),
    { numRuns: 5_000 },
  );
});
