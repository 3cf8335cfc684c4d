/** What was told of a store, to tell only what became different. */
import type { InventoryObject, Unreadable } from '../../../model/inventory.ts';
import type { InventoryNews } from '../../provider.ts';

export type Told = {
  readonly objects: readonly InventoryObject[];
  readonly unreadable: readonly Unreadable[];
};

/** At most so many objects in one piece of news. */
const most = 200;

export function firstNews({ objects, unreadable }: Told): InventoryNews[] {
  return [...puts(objects), ...unreadables(unreadable)];
}

/** @returns the news that lead from one to the other; none when nothing changed */
export function changes(before: Told, now: Told): InventoryNews[] {
  const was = new Map([...before.objects, ...before.unreadable].map((one) => [keyOf(one), JSON.stringify(one)]));
  const is = new Set([...now.objects, ...now.unreadable].map(keyOf));
  const isNew = (one: InventoryObject | Unreadable): boolean => was.get(keyOf(one)) !== JSON.stringify(one);
  const gone = [...before.objects, ...before.unreadable]
    .filter((one) => !is.has(keyOf(one)))
    .map((one) => ({ kind: 'kind' in one ? one.kind : ('vm' as const), ref: one.ref }));
  return [
    ...(gone.length === 0 ? [] : [{ kind: 'gone' as const, objects: gone }]),
    ...puts(now.objects.filter(isNew)),
    ...unreadables(now.unreadable.filter(isNew)),
  ];
}

function keyOf(one: InventoryObject | Unreadable): string {
  return `${'kind' in one ? one.kind : 'unreadable'} ${one.ref}`;
}

function puts(objects: readonly InventoryObject[]): InventoryNews[] {
  return pieces(objects).map((part) => ({ kind: 'put', objects: part }));
}

function unreadables(objects: readonly Unreadable[]): InventoryNews[] {
  return pieces(objects).map((part) => ({ kind: 'unreadable', objects: part }));
}

function pieces<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / most) }, (_, index) =>
    all.slice(index * most, (index + 1) * most),
  );
}
