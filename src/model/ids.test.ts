import { expect, test } from 'vitest';
import { newId, newIdAfter } from './ids.ts';

test('an id sorts behind the last one, whatever the clocks say', () => {
  const now = newId(1_000);
  expect(newIdAfter(null, now)).toBe(now);
  expect(newIdAfter(newId(999), now)).toBe(now);
  const ahead = newId(2_000);
  expect(newIdAfter(ahead, now) > ahead).toBe(true);
  expect(newIdAfter('00000000-0000-7fff-ffff-ffffffffffff', '00000000-0000-7000-8000-000000000000')).toBe(
    '00000000-0000-8000-0000-000000000000',
  );
});
