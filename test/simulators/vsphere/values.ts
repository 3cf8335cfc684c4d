/** What properties, parameters and results are made of. Values are never changed in place: whoever changes one makes a new one. */

/** A ManagedObjectReference: the class as the server knows it, and its id. */
export type Ref = { readonly type: string; readonly value: string };

/** A data object: `_type` names its type of the table. Times are ISO strings, long is a safe integer. */
export type Data = { readonly _type: string; readonly [field: string]: Value | undefined };

export type Value = string | number | boolean | Ref | Data | readonly Value[];

export const refOf = (type: string, value: string): Ref => ({ type, value });

export const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value);

export const isData = (value: Value | undefined): value is Data =>
  typeof value === 'object' && !isList(value) && '_type' in value;

export const isRef = (value: Value | undefined): value is Ref =>
  typeof value === 'object' && !isList(value) && !('_type' in value);

/** As in a log: VirtualMachine:vm-12. */
export const showRef = (ref: Ref): string => `${ref.type}:${ref.value}`;

export const sameRef = (one: Ref, other: Ref): boolean => one.value === other.value && one.type === other.type;

/** A data object without the fields that are undefined. */
export function data(type: string, fields: Readonly<Record<string, Value | undefined>> = {}): Data {
  const kept: Record<string, Value> = {};
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) kept[name] = value;
  return Object.assign(kept, { _type: type });
}

/** A value that a caller of the protocol gave as a reference; what it did not give is undefined. */
export const asRef = (value: Value | undefined): Ref | undefined => (isRef(value) ? value : undefined);
export const asText = (value: Value | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
export const asNumber = (value: Value | undefined): number | undefined =>
  typeof value === 'number' ? value : undefined;
export const asData = (value: Value | undefined): Data | undefined => (isData(value) ? value : undefined);
export const asList = (value: Value | undefined): readonly Value[] => (isList(value) ? value : []);
export const asRefs = (value: Value | undefined): Ref[] => asList(value).filter(isRef);
export const asTexts = (value: Value | undefined): string[] =>
  asList(value).filter((item): item is string => typeof item === 'string');
