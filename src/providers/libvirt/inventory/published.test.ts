import { expect, test } from 'vitest';
import { emptyVm } from '../../../model/empty-vm.ts';
import type { InventoryObject } from '../../../model/inventory.ts';
import { dirtyObjects } from './dirty.ts';
import { inParallel } from './parallel.ts';
import { newsOf, publishedObjects } from './published.ts';

const vm = (ref: string, name = ref): InventoryObject => ({
  kind: 'vm',
  ref,
  name,
  stableId: ref,
  parentRef: 'host',
  data: emptyVm,
});

test('only what is new or has changed is said, and what is gone only when it had been said', () => {
  const published = publishedObjects('host');
  expect(published.put(vm('a')).map(({ name }) => name)).toEqual(['a']);
  expect(published.put(vm('a'))).toEqual([]);
  expect(published.put(vm('a', 'b')).map(({ name }) => name)).toEqual(['b']);
  expect(published.refs('vm')).toEqual(['a']);
  expect(published.remove({ kind: 'vm', ref: 'a' })).toEqual([{ kind: 'vm', ref: 'a' }]);
  expect(published.remove({ kind: 'vm', ref: 'a' })).toEqual([]);
  published.mention({ kind: 'vm', ref: 'broken' });
  expect(published.remove({ kind: 'vm', ref: 'broken' })).toHaveLength(1);
});

test('a bridge is there as long as a VM uses it', () => {
  const published = publishedObjects('host');
  const br0 = { kind: 'bridge', name: 'br0' } as const;
  expect(published.put(vm('a'), [br0]).map(({ ref }) => ref)).toEqual(['bridge:br0', 'a']);
  expect(published.put(vm('b'), [br0]).map(({ ref }) => ref)).toEqual(['b']);
  published.remove({ kind: 'vm', ref: 'a' });
  expect(published.unplugged()).toEqual([]);
  published.put(vm('b', 'moved'), []);
  expect(published.unplugged()).toEqual([{ kind: 'network', ref: 'bridge:br0' }]);
  expect(published.unplugged()).toEqual([]);
});

test('many events of one object are one', async () => {
  const dirty = dirtyObjects();
  for (let i = 0; i < 1_000; i++) dirty.add({ kind: 'vm', uuid: 'a' });
  dirty.add({ kind: 'storage', uuid: 'a' });
  await dirty.wait(60_000, new Promise(() => undefined));
  expect(dirty.take()).toHaveLength(2);
  expect(dirty.take()).toEqual([]);
  const waiting = dirty.wait(60_000, new Promise(() => undefined));
  dirty.add({ kind: 'network', uuid: 'n' });
  await waiting;
  await dirty.wait(60_000, Promise.resolve());
  dirty.take();
  await dirty.wait(1, new Promise(() => undefined));
});

test('news of nothing is none', () => {
  expect(newsOf([], [])).toEqual([]);
});

test('work side by side keeps its order and its width, and fails only when all of it has ended', async () => {
  let running = 0;
  let most = 0;
  const work = async (n: number): Promise<number> => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 5 - (n % 5)));
    running--;
    if (n === 7) throw new Error('seven');
    return n * 2;
  };
  expect(await inParallel([1, 2, 3, 4, 5], 2, work)).toEqual([2, 4, 6, 8, 10]);
  expect(most).toBe(2);
  await expect(inParallel([6, 7, 8, 9], 3, work)).rejects.toThrow('seven');
  expect(running).toBe(0);
});
