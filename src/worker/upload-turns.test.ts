import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { takeTurn } from './upload-turns.ts';

const busy = expect.objectContaining({ code: 'upload.busy' }) as Error;

const at = (offset: number) => takeTurn('one', { name: 'a.raw', offset, waitMs: 50 });

test('one part at a time; what was written just now is not written again, and what was given up is', async () => {
  const first = at(0);
  expect(() => at(0)).toThrow(busy);
  expect(() => at(100)).toThrow(busy);
  takeTurn('two', { name: 'b.raw', offset: 0, waitMs: 1 })[Symbol.dispose](); // another file is not held up
  first.reached(100);
  first[Symbol.dispose]();
  expect(() => at(0)).toThrow(busy);
  const second = at(100);
  second[Symbol.dispose](); // broken off
  const third = at(100);
  third.reached(200);
  third[Symbol.dispose]();
  expect(() => at(100)).toThrow(busy);
  // Nobody was told of it: the server knows only of 100, and the sender goes on from there.
  await sleep(200);
  at(100)[Symbol.dispose]();
});
