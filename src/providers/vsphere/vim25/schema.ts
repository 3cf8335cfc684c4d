/**
 * The vSphere Web Services API (vim25) as one table: every type, method and property that Wherry uses, and nothing else.
 * TypeScript's types, the encoder and the decoder all come from it. Written from VMware's API reference (vSphere 6.5 to
 * 8.0); fields that are not listed are skipped when read. The order of fields is the protocol's: it is a sequence.
 *
 * Notation of a value: `int`, `long`, `string`, … (`Scalars`), the name of a type, or `&Type` for a reference to a managed
 * object; `?` behind it: may be absent; `[]`: any number of it, absent included. `any` carries its own type on the wire.
 */
import { deviceTypes } from './schema/device-types.ts';
import { faultTypes } from './schema/fault-types.ts';
import { managed } from './schema/managed.ts';
import { methods } from './schema/methods.ts';
import { placeTypes } from './schema/place-types.ts';
import { propertyTypes } from './schema/property-types.ts';
import { vmTypes } from './schema/vm-types.ts';

export { managed } from './schema/managed.ts';
export { methods } from './schema/methods.ts';

export const types = { ...propertyTypes, ...faultTypes, ...deviceTypes, ...vmTypes, ...placeTypes } as const;

type Types = typeof types;
type Managed = typeof managed;
type Methods = typeof methods;
export type TypeName = keyof Types;
export type ManagedName = keyof Managed;
export type MethodName = keyof Methods;

/** A reference to a managed object: its type and its id, unique within the server. */
export type Ref = { readonly type: string; readonly value: string };

export type Scalars = {
  readonly string: string;
  readonly boolean: boolean;
  readonly byte: number;
  readonly short: number;
  readonly int: number;
  /** Always a safe integer: one that is not is refused. */
  readonly long: number;
  readonly double: number;
  /** As it stands on the wire: ISO 8601. */
  readonly dateTime: string;
  readonly any: unknown;
};

/** What a notation stands for. */
type Single<S extends string> = S extends `&${string}`
  ? Ref
  : S extends keyof Scalars
    ? Scalars[S]
    : S extends TypeName
      ? Vim<S>
      : never;
export type ValueOf<S extends string> = S extends ''
  ? undefined
  : S extends `${infer Inner}[]`
    ? ReadonlyArray<Single<Inner>>
    : S extends `${infer Inner}?`
      ? Single<Inner> | undefined
      : Single<S>;

type OwnFields<N extends TypeName> = Types[N]['fields'];
type BaseOf<N extends TypeName> = Types[N] extends { readonly base: infer B extends TypeName } ? B : never;
type Fields<N extends TypeName> = [BaseOf<N>] extends [never] ? OwnFields<N> : Fields<BaseOf<N>> & OwnFields<N>;

type Optional<F> = { [K in keyof F]: F[K] extends `${string}?` ? K : never }[keyof F];
type Listed<F> = { [K in keyof F]: F[K] extends `${string}[]` ? K : never }[keyof F];
type Text<S> = S extends string ? S : never;

/**
 * A value as it is read: lists are always there, `_type` is the name on the wire (which this table may not know: then it
 * is read as its nearest known base).
 */
export type Vim<N extends TypeName> = { readonly _type: string } & {
  readonly [K in Exclude<keyof Fields<N>, Optional<Fields<N>>>]: ValueOf<Text<Fields<N>[K]>>;
} & {
  readonly [K in Optional<Fields<N>>]?: NonNullable<ValueOf<Text<Fields<N>[K]>>>;
};

type SingleInput<S extends string> = S extends TypeName ? VimInput<S> : Single<S>;
type InputOf<S extends string> = S extends `${infer Inner}[]`
  ? ReadonlyArray<SingleInput<Inner>>
  : S extends `${infer Inner}?`
    ? SingleInput<Inner> | undefined
    : SingleInput<S>;

/** A value as it is written: lists may be left out; `_type` is needed where a subtype is meant (`vim`). */
type FieldsInput<F> = {
  readonly [K in Exclude<keyof F, Optional<F> | Listed<F>>]: InputOf<Text<F[K]>>;
} & { readonly [K in Optional<F> | Listed<F>]?: InputOf<Text<F[K]>> };
export type VimInput<N extends TypeName> = { readonly _type?: string } & FieldsInput<Fields<N>>;
export type MethodInput<M extends MethodName> = FieldsInput<Methods[M]['params']>;
export type MethodResult<M extends MethodName> = ValueOf<Methods[M]['returns']>;

/** A value of exactly this type, for a field that is declared as one of its bases. */
export function vim<N extends TypeName>(name: N, fields: VimInput<N>): VimInput<N> & { readonly _type: N } {
  return { ...fields, _type: name };
}

type ManagedBase<N extends ManagedName> = Managed[N] extends { readonly base: infer B extends ManagedName } ? B : never;
type Properties<N extends ManagedName> = [ManagedBase<N>] extends [never]
  ? Managed[N]['properties']
  : Properties<ManagedBase<N>> & Managed[N]['properties'];

type Bare<S extends string> = S extends `${infer Inner}?` ? Inner : S;
type InFields<F, P extends string> = P extends `${infer Head}.${infer Rest}`
  ? Head extends keyof F
    ? Bare<Text<F[Head]>> extends infer T extends TypeName
      ? InFields<Fields<T>, Rest>
      : never
    : never
  : P extends keyof F
    ? ValueOf<Text<F[P]>>
    : never;
/** The value at a property path of a managed object: `PropertyAt<'VirtualMachine', 'config.hardware'>`. */
export type PropertyAt<N extends ManagedName, P extends string> = InFields<Properties<N>, P>;

type Entry = { readonly base?: string; readonly fields: Readonly<Record<string, string>> };
type ManagedEntry = { readonly base?: string; readonly properties: Readonly<Record<string, string>> };
const entries: Readonly<Record<string, Entry>> = types;
const managedEntries: Readonly<Record<string, ManagedEntry>> = managed;

export function isTypeName(name: string): name is TypeName {
  return Object.hasOwn(entries, name);
}

/** All fields of a type, those of its bases first, by name. */
export function fieldsOf(name: TypeName): ReadonlyMap<string, string> {
  const known = fieldsByType.get(name);
  if (known !== undefined) return known;
  const entry = entries[name];
  const base = entry?.base;
  const own = Object.entries(entry?.fields ?? {});
  const fields = new Map([...(base !== undefined && isTypeName(base) ? fieldsOf(base) : []), ...own]);
  fieldsByType.set(name, fields);
  return fields;
}
const fieldsByType = new Map<TypeName, ReadonlyMap<string, string>>();

export function isSubtype(name: string, base: string): boolean {
  return name === base || (linesOf.get(name)?.has(base) ?? false);
}
/** Each type with all that it is derived from. */
const linesOf: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.keys(entries).map((name) => {
    const line = new Set<string>();
    for (let at: string | undefined = name; at !== undefined; at = entries[at]?.base) line.add(at);
    return [name, line];
  }),
);

/** Tells what a value of a base type really is. A subtype that this table does not know is none of its subtypes. */
export function isA<N extends TypeName>(value: { readonly _type: string } | undefined, name: N): value is Vim<N> {
  return value !== undefined && isSubtype(value._type, name);
}

/** The notation of the value at a property path; null when there is none of that name. */
export function typeAtPath(object: string, path: string): string | null {
  const known = knownPaths.get(object)?.get(path);
  if (known !== undefined) return known;
  const found = notationAt(object, path);
  // Only what the table has: of a server's own words there is no end.
  if (found !== null) knownPaths.set(object, (knownPaths.get(object) ?? new Map()).set(path, found));
  return found;
}
const knownPaths = new Map<string, Map<string, string>>();

function notationAt(object: string, path: string): string | null {
  const [head = '', ...rest] = path.split('.');
  let notation: string | undefined;
  for (let at: string | undefined = object; at !== undefined && notation === undefined; at = managedEntries[at]?.base) {
    const properties: Readonly<Record<string, string>> = managedEntries[at]?.properties ?? {};
    if (Object.hasOwn(properties, head)) notation = properties[head];
  }
  for (const step of rest) {
    const name = notation?.replace(/\?$/, '') ?? '';
    notation = isTypeName(name) ? fieldsOf(name).get(step) : undefined;
  }
  return notation ?? null;
}

/** A notation taken apart. */
export type Notation = {
  readonly name: string;
  readonly many: boolean;
  readonly optional: boolean;
  readonly kind: 'reference' | 'object' | 'scalar';
};
export function readNotation(notation: string): Notation {
  const known = notations.get(notation);
  if (known !== undefined) return known;
  const many = notation.endsWith('[]');
  const optional = notation.endsWith('?');
  const name = many ? notation.slice(0, -2) : optional ? notation.slice(0, -1) : notation;
  const kind = name.startsWith('&') ? 'reference' : isTypeName(name) ? 'object' : 'scalar';
  const read: Notation = { name, many, optional: optional || many, kind };
  notations.set(notation, read);
  return read;
}
const notations = new Map<string, Notation>();
