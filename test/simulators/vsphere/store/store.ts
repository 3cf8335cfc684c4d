/** The managed objects: what each is, what its properties hold, and in which order they changed. */
import { isList, isRef, type Ref, type Value } from '../values.ts';
import { inList, parsePath, readPath, withPath } from './path.ts';

export type ManagedObject = {
  readonly ref: Ref;
  readonly properties: Map<string, Value>;
  /** Properties that are looked up when they are asked for. `sessionKey` is who asks. */
  readonly computed?: Readonly<Record<string, (sessionKey: string) => Value | undefined>>;
};

/** More than this are not remembered: whoever is behind looks at everything again. */
const logLength = 200_000;

export class Store {
  readonly objects = new Map<string, ManagedObject>();
  /** Counts every change. */
  version = 0;
  /** The version in which references changed, or objects came or went: what is selected may be another. */
  structure = 0;
  #log: string[] = [];
  readonly #watchers = new Set<() => void>();
  #told = false;

  add(object: ManagedObject): void {
    if (this.objects.has(object.ref.value)) throw new Error(`there is an object ${object.ref.value} already`);
    this.objects.set(object.ref.value, object);
    this.#changed(object.ref.value, object.ref.type !== 'Task');
  }

  remove(ref: Ref): void {
    if (this.objects.delete(ref.value)) this.#changed(ref.value, true);
  }

  find(ref: Ref): ManagedObject | undefined {
    const found = this.objects.get(ref.value);
    return found?.ref.type === ref.type ? found : undefined;
  }

  get(ref: Ref): ManagedObject {
    const found = this.find(ref);
    if (found === undefined) throw new Error(`there is no object ${ref.type}:${ref.value}`);
    return found;
  }

  ofType(type: string): ManagedObject[] {
    return [...this.objects.values()].filter(({ ref }) => ref.type === type);
  }

  read(ref: Ref, path: string, sessionKey = ''): Value | undefined {
    const object = this.find(ref);
    return object === undefined ? undefined : readProperty(object, path, sessionKey);
  }

  /** Sets a property, or what is inside one; undefined takes it away. */
  set(ref: Ref, path: string, value: Value | undefined): void {
    const [first, ...rest] = parsePath(path) ?? [];
    if (first === undefined) throw new Error(`no property path: ${path}`);
    const { properties } = this.get(ref);
    const before = properties.get(first.name);
    const after = first.key === null ? withPath(before, rest, value) : inList(before, first.key, rest, value);
    if (after === undefined) properties.delete(first.name);
    else properties.set(first.name, after);
    this.#changed(ref.value, ref.type !== 'Task' && (refers(before) || refers(after)));
  }

  addTo(ref: Ref, path: string, item: Value): void {
    const list = this.read(ref, path);
    this.set(ref, path, [...(isList(list) ? list : []), item]);
  }

  removeFrom(ref: Ref, path: string, item: Ref): void {
    const list = this.read(ref, path);
    if (!isList(list)) return;
    this.set(
      ref,
      path,
      list.filter((other) => !isRef(other) || other.value !== item.value),
    );
  }

  /** Ids of what changed after a version; null when that is too long ago. */
  changedSince(version: number): Set<string> | null {
    const missing = this.version - version;
    if (missing > this.#log.length) return null;
    return new Set(missing === 0 ? [] : this.#log.slice(-missing));
  }

  /** Calls back after each burst of changes, until the returned function is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #changed(id: string, structural: boolean): void {
    this.version += 1;
    if (structural) this.structure = this.version;
    this.#log.push(id);
    if (this.#log.length > 2 * logLength) this.#log = this.#log.slice(-logLength);
    if (this.#told) return;
    this.#told = true;
    setImmediate(() => {
      this.#told = false;
      for (const watcher of this.#watchers) watcher();
    });
  }
}

export const readProperty = (object: ManagedObject, path: string, sessionKey: string): Value | undefined =>
  readPath((name) => {
    const computed = object.computed?.[name];
    return computed === undefined ? object.properties.get(name) : computed(sessionKey);
  }, path);

const refers = (value: Value | undefined): boolean => isRef(value) || (isList(value) && isRef(value[0]));
