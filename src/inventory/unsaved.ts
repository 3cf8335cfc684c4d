/** What rules and a filter say of a source that nobody has saved: the same as of a saved one, with all of it in memory. Pure. */
import { concernsOf } from '../concerns/concerns-of.ts';
import type { VmObject } from '../concerns/context.ts';
import type { RuleSet } from '../concerns/rules.ts';
import { shownConcerns } from '../concerns/shown.ts';
import type { InventoryObject } from '../model/inventory.ts';
import type { ProviderType } from '../model/provider.ts';
import type { FoundInventory, UnsavedInventory } from './api.ts';
import { contextOf, type Surroundings } from './context-store.ts';
import type { Filter } from './search/ast.ts';
import { predicateOf } from './search/match.ts';
import { diskPathsOf } from './search/traits.ts';

/** @param source what filters know as its provider: the address, because it has no name */
export function judged(
  found: FoundInventory,
  source: { readonly name: string; readonly type: ProviderType },
  rules: RuleSet,
  filter: Filter,
): UnsavedInventory {
  const around = surroundingsIn(found.objects);
  const holds = predicateOf(filter);
  const concerns: UnsavedInventory['concerns'] = {};
  // As they come they are in no order, and another one each time.
  const objects = found.objects.toSorted(byName).filter((object) => {
    if (object.kind !== 'vm') return true;
    const vm: VmObject = object;
    const own = concernsOf(vm, contextOf(vm, vm.ref, source.type, around), rules);
    if (!holds({ vm, provider: source, concerns: own })) return false;
    if (own.length > 0) concerns[vm.ref] = shownConcerns(own, rules);
    return true;
  });
  return { ...found, objects, concerns };
}

function byName(a: InventoryObject, b: InventoryObject): number {
  if (a.name === b.name) return a.ref < b.ref ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

function surroundingsIn(objects: readonly InventoryObject[]): Surroundings {
  const hosts = new Map(objects.flatMap((one) => (one.kind === 'host' ? [[one.ref, one.data] as const] : [])));
  const clusters = new Map(objects.flatMap((one) => (one.kind === 'cluster' ? [[one.ref, one.data] as const] : [])));
  const storages = new Map(objects.flatMap((one) => (one.kind === 'storage' ? [[one.ref, one.data] as const] : [])));
  const paths = new Map<string, Map<string, string>>();
  for (const one of objects) {
    if (one.kind !== 'vm') continue;
    for (const path of diskPathsOf(one.data)) {
      const users = paths.get(path) ?? new Map<string, string>();
      paths.set(path, users.set(one.ref, one.name));
    }
  }
  return { hosts, clusters, storages, paths };
}
