import { expect, test } from 'vitest';
import { firstFailure } from './first-failure.ts';

async function failing(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  for (const name of ['inner', 'outer']) stack.defer(() => Promise.reject(new Error(`${name} does not close`)));
  throw new Error('the disk is full');
}

test('what failed is told, not that closing what was open has failed too', async () => {
  const error = await failing().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SuppressedError); // control
  expect(firstFailure(error)).toMatchObject({ message: 'the disk is full' });
  const plain = new Error('plain');
  expect(firstFailure(plain)).toBe(plain);
});
