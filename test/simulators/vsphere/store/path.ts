/**
 * Property paths: `config.hardware.device[2000].backing`, `extraConfig["scsi0:0.ctkEnabled"]`. The key in brackets is the
 * `key` of an element; references and texts are found by their own value.
 */
import type { Field } from '../schema/notation.ts';
import { dataTypes, fieldOf, fieldsOf, isSubtype } from '../schema/types.ts';
import { isData, isList, isRef, type Value } from '../values.ts';

type Step = { readonly name: string; readonly key: string | null };

/** Null for what is no path. */
export function parsePath(path: string): Step[] | null {
  const steps: Step[] = [];
  const pattern = /(?:^|\.)([A-Za-z]\w*)(?:\["([^"]*)"\]|\[([^\]"]+)\])?/gy;
  while (pattern.lastIndex < path.length) {
    const match = pattern.exec(path);
    if (match?.[1] === undefined) return null;
    steps.push({ name: match[1], key: match[2] ?? match[3] ?? null });
  }
  return steps.length === 0 ? null : steps;
}

/** `property` gives the first step's value: properties of managed objects may be computed. */
export function readPath(property: (name: string) => Value | undefined, path: string): Value | undefined {
  const steps = parsePath(path);
  if (steps === null) return undefined;
  let value: Value | undefined;
  for (const [index, { name, key }] of steps.entries()) {
    value = index === 0 ? property(name) : isData(value) ? value[name] : undefined;
    if (key !== null) value = isList(value) ? value.find((item) => keyOf(item) === key) : undefined;
    if (value === undefined) return undefined;
  }
  return value;
}

export function keyOf(item: Value): string | undefined {
  if (isRef(item)) return item.value;
  if (!isData(item)) return isList(item) ? undefined : String(item);
  const key = item['key'];
  if (isRef(key)) return key.value;
  return key === undefined || isData(key) || isList(key) ? undefined : String(key);
}

/** What the table says of a path in a class of managed objects; undefined where it leads nowhere. */
export function typeOfPath(managedType: string, path: string): Field | undefined {
  const steps = parsePath(path);
  if (steps === null) return undefined;
  let owner = managedType;
  let field: Field | undefined;
  for (const [index, { name, key }] of steps.entries()) {
    field = fieldOf(owner, name) ?? (index === 0 ? undefined : fieldOfSubtype(owner, name));
    if (field === undefined) return undefined;
    if (key !== null) {
      if (!field.array) return undefined;
      field = { ...field, array: false };
    }
    owner = field.type;
  }
  return field;
}

function fieldOfSubtype(owner: string, name: string): Field | undefined {
  for (const type of dataTypes.keys()) {
    const found = isSubtype(type, owner) ? fieldsOf(type).find((field) => field.name === name) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The same value with another one at the path below it; shares what does not change. */
export function withPath(value: Value | undefined, steps: readonly Step[], next: Value | undefined): Value | undefined {
  const [step, ...rest] = steps;
  if (step === undefined) return next;
  if (!isData(value)) throw new Error(`there is no ${step.name} to change`);
  const inner = value[step.name];
  return {
    ...value,
    [step.name]: step.key === null ? withPath(inner, rest, next) : inList(inner, step.key, rest, next),
  };
}

export function inList(
  list: Value | undefined,
  key: string,
  rest: readonly Step[],
  next: Value | undefined,
): readonly Value[] {
  const items = isList(list) ? list : [];
  const changed = withPath(
    items.find((item) => keyOf(item) === key),
    rest,
    next,
  );
  if (changed === undefined) return items.filter((item) => keyOf(item) !== key);
  if (!items.some((item) => keyOf(item) === key)) return [...items, changed];
  return items.map((item) => (keyOf(item) === key ? changed : item));
}
