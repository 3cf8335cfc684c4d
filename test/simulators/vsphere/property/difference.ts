/** Two states of an object as changes of properties. Values share what did not change, so most is compared by identity. */
import { keyOf } from '../store/path.ts';
import { isData, isList, isRef, type Value } from '../values.ts';

export type Change = {
  readonly name: string;
  readonly op: 'add' | 'remove' | 'assign';
  readonly value?: Value | undefined;
};

/** `partial`: changes inside of a property are told by a path into it, as a filter with partialUpdates gets them. */
export function difference(
  before: ReadonlyMap<string, Value>,
  after: ReadonlyMap<string, Value>,
  partial: boolean,
): Change[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const changes = changesAt(name, before.get(name), after.get(name));
    if (partial || changes.length === 0) return changes;
    return [{ name, op: 'assign' as const, value: after.get(name) }];
  });
}

function changesAt(name: string, before: Value | undefined, after: Value | undefined): Change[] {
  if (before === after || same(before, after)) return [];
  if (isData(before) && isData(after) && before._type === after._type) {
    const fields = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...fields].flatMap((field) => changesAt(`${name}.${field}`, before[field], after[field]));
  }
  if (
    isList(before) &&
    isList(after) &&
    [...before, ...after].every((item) => isData(item) && item['key'] !== undefined)
  ) {
    return listChanges(name, before, after);
  }
  return [{ name, op: 'assign', value: after }];
}

function listChanges(name: string, before: readonly Value[], after: readonly Value[]): Change[] {
  const keys = new Set([...before, ...after].map((item) => keyOf(item) ?? ''));
  return [...keys].flatMap((key): Change[] => {
    const old = before.find((item) => keyOf(item) === key);
    const now = after.find((item) => keyOf(item) === key);
    const path = /^-?\d+$/.test(key) ? `${name}[${key}]` : `${name}["${key}"]`;
    if (old === undefined) return [{ name: path, op: 'add', value: now }];
    if (now === undefined) return [{ name: path, op: 'remove' }];
    return changesAt(path, old, now);
  });
}

function same(one: Value | undefined, other: Value | undefined): boolean {
  if (one === other) return true;
  if (isRef(one) && isRef(other)) return one.type === other.type && one.value === other.value;
  if (isList(one) && isList(other))
    return one.length === other.length && one.every((item, at) => same(item, other[at]));
  if (!isData(one) || !isData(other)) return false;
  const fields = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...fields].every((field) => same(one[field], other[field]));
}
