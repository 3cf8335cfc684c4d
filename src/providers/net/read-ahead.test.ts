import { expect, test } from 'vitest';
import { readAhead } from './read-ahead.ts';

const chunk = (length: number): Uint8Array => new Uint8Array(length);

async function lengths(chunks: AsyncIterable<Uint8Array>): Promise<number[]> {
  const found: number[] = [];
  for await (const { length } of chunks) found.push(length);
  return found;
}

async function* chunksOf(sizes: readonly number[], taken: number[] = []): AsyncGenerator<Uint8Array> {
  for (const size of sizes) {
    taken.push(size);
    yield chunk(size);
  }
}

test('all is taken before anybody reads, and comes whole and in order', async () => {
  const sizes = Array.from({ length: 50 }, (_, at) => at * 1_000);
  const { chunks, received } = readAhead(chunksOf(sizes), 2 ** 30);
  await received;
  expect(await lengths(chunks)).toEqual(sizes);
});

test('no more is taken than there is room for, until it is read', async () => {
  const taken: number[] = [];
  const { chunks } = readAhead(chunksOf([10, 10, 10, 10, 10], taken), 25);
  await new Promise((resolve) => setImmediate(resolve));
  expect(taken).toHaveLength(3);
  expect(await lengths(chunks)).toEqual([10, 10, 10, 10, 10]);
});

test('what came before it broke is read, then it is told', async () => {
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield chunk(7);
    throw new Error('cut');
  };
  const { chunks } = readAhead(broken(), 100);
  await new Promise((resolve) => setImmediate(resolve));
  const reader = chunks[Symbol.asyncIterator]();
  expect((await reader.next()).value).toHaveLength(7);
  await expect(reader.next()).rejects.toThrow('cut');
});

test.each([1, 1_000])('given up, the source is returned from (room: %i)', async (room) => {
  let returned = false;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        yield chunk(10);
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      returned = true;
    }
  };
  for await (const part of readAhead(source(), room).chunks) {
    expect(part).toHaveLength(10);
    break;
  }
  expect(returned).toBe(true);
});
