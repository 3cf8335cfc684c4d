/** A filter that is followed: what was told of each object, and what has to be told now. */
import { declared, tell } from './content.ts';
import { hiddenOf } from './collectors.ts';
import { difference } from './difference.ts';
import { select } from './select.ts';
import { pathTable } from './spec.ts';
import { typed } from './typed.ts';
import type { ManagedObject } from '../store/store.ts';
import type { Session } from '../session/sessions.ts';
import { data, type Data, type Ref, type Value } from '../values.ts';
import type { World } from '../world.ts';

export class Filter {
  readonly ref: Ref;
  readonly #spec: Data;
  readonly #partial: boolean;
  readonly #paths: (type: string) => readonly string[] | null;
  /** Values as they were told last, by object id. */
  readonly #told = new Map<string, { readonly ref: Ref; readonly values: ReadonlyMap<string, Value> }>();
  #selected = new Map<string, ManagedObject>();
  #pending = new Set<string>();
  /** The store's version that was looked at. */
  #seen = -1;

  constructor(ref: Ref, spec: Data, partial: boolean) {
    this.ref = ref;
    this.#spec = spec;
    this.#partial = partial;
    this.#paths = pathTable(spec);
  }

  /** Everything is to be told once more. */
  restart(): void {
    this.#told.clear();
    this.#pending.clear();
    this.#seen = -1;
  }

  /** Up to `limit` objects; `more` when others are left. */
  updates(world: World, session: Session, limit: number): { readonly updates: Data[]; readonly more: boolean } {
    this.#look(world, session);
    const updates: Data[] = [];
    for (const id of this.#pending) {
      if (updates.length >= limit) return { updates, more: true };
      this.#pending.delete(id);
      const update = this.#update(world, session, id);
      if (update !== null) updates.push(update);
    }
    return { updates, more: false };
  }

  #look(world: World, session: Session): void {
    const { store } = world;
    if (this.#seen === store.version) return;
    const changed = this.#seen < 0 ? null : store.changedSince(this.#seen);
    if (changed === null || store.structure > this.#seen) {
      const selected = this.#select(world, session);
      for (const id of selected.keys()) if (changed === null || !this.#told.has(id)) this.#pending.add(id);
      for (const id of this.#told.keys()) if (!selected.has(id)) this.#pending.add(id);
      this.#selected = selected;
    }
    for (const id of changed ?? []) if (this.#selected.has(id)) this.#pending.add(id);
    this.#seen = store.version;
  }

  /** What the filter was made for may be gone meanwhile: then nothing is selected any more. */
  #select(world: World, session: Session): Map<string, ManagedObject> {
    const lenient = { ...this.#spec, reportMissingObjectsInResults: true };
    const selected = select(world, session, lenient);
    for (const [id, object] of selected) if (this.#paths(object.ref.type) === null) selected.delete(id);
    return selected;
  }

  #update(world: World, session: Session, id: string): Data | null {
    const object = this.#selected.get(id);
    const before = this.#told.get(id);
    if (object === undefined) {
      if (before === undefined) return null;
      this.#told.delete(id);
      return data('ObjectUpdate', { kind: 'leave', obj: before.ref });
    }
    const { ref } = object;
    const { told, missing } = tell(object, this.#paths(ref.type) ?? [], hiddenOf(world), session.key);
    this.#told.set(id, { ref, values: told });
    if (before === undefined) {
      const changeSet = [...told].map(([name, value]) =>
        data('PropertyChange', { name, op: 'assign', val: typed(ref.type, name, value) }),
      );
      return data('ObjectUpdate', { kind: 'enter', obj: ref, changeSet, missingSet: missing });
    }
    const changeSet = difference(before.values, told, this.#partial).map(({ name, op, value }) =>
      data('PropertyChange', { name, op, val: value === undefined ? undefined : typedAt(ref.type, name, value) }),
    );
    return changeSet.length === 0 ? null : data('ObjectUpdate', { kind: 'modify', obj: ref, changeSet });
  }
}

const typedAt = (type: string, name: string, value: Value): Value =>
  declared(type, name) === undefined ? value : typed(type, name, value);
