import { expect, test } from 'vitest';
import { completed } from './use-completion.ts';

test('a suggestion takes the place of what was begun, and the cursor stands behind it and a blank', () => {
  expect(completed('po', { from: 0, to: 2 }, 'power')).toEqual({ text: 'power ', cursor: 6 });
  expect(completed('nam = web', { from: 0, to: 3 }, 'name')).toEqual({ text: 'name = web', cursor: 5 });
  expect(completed('a and f', { from: 6, to: 7 }, 'facts.')).toEqual({ text: 'a and facts.', cursor: 12 });
});
