/** From XML to values, along the table. */
import {
  fieldsOf,
  isSubtype,
  isTypeName,
  methods,
  readNotation,
  type MethodInput,
  type MethodName,
  type Notation,
  type Ref,
  type TypeName,
  type Vim,
} from './schema.ts';
import type { XmlNode } from './xml-reader.ts';
import { localName } from './xml-characters.ts';

/** A value that is not what the table says. The message names the type and the field. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

/**
 * `tolerant` is how answers are read: unknown fields are skipped, an unknown subtype is its declared type. `strict` is how
 * a simulator reads requests: whatever is not in the table, or not in its order, is refused.
 */
export type Reading = 'tolerant' | 'strict';

type Bag = Record<string, unknown>;

/** One element as a value of this type or, as its xsi:type says, of one derived from it. */
export function decodeObject<N extends TypeName>(node: XmlNode, name: N, reading: Reading = 'tolerant'): Vim<N> {
  return object(node, name, reading) as Vim<N>;
}

/** What a method was called with, from the element that carries its name. */
export function decodeParameters<M extends MethodName>(node: XmlNode, method: M, reading: Reading): MethodInput<M> {
  const params = new Map<string, string>(Object.entries(methods[method].params));
  // `_this` says whose method it is, before everything else.
  const rest = node.children[0]?.name === '_this' ? node.children.slice(1) : node.children;
  return fields({ ...node, children: rest }, params, method, reading) as MethodInput<M>;
}

/** All elements of one name under `node`, as the notation says. */
export function decodeNamed(node: XmlNode, name: string, notation: string, reading: Reading = 'tolerant'): unknown {
  const bag = fields(
    { ...node, children: node.children.filter((child) => child.name === name) },
    new Map([[name, notation]]),
    node.name,
    reading,
  );
  return bag[name];
}

export function decodeRef(node: XmlNode): Ref {
  return { type: node.ref === '' ? node.type : node.ref, value: node.text };
}

/**
 * A value that carries its own type: a scalar, a reference, an array, or an object. `expected` is the notation that the
 * place is known to have, where it is known: enumerations are strings, and an array or object must be of it.
 */
export function decodeAny(node: XmlNode, expected: string | null = null, reading: Reading = 'tolerant'): unknown {
  if (expected !== null && expected !== 'any' && expected !== 'any?') {
    const notation = readNotation(expected);
    if (!notation.many) return single(node, notation, reading);
    return node.children.map((child) => single(child, notation, reading));
  }
  if (node.type === 'ManagedObjectReference' || node.ref !== '') return decodeRef(node);
  if (node.type.startsWith('ArrayOf')) {
    const of = node.type.slice('ArrayOf'.length);
    const scalar = of.charAt(0).toLowerCase() + of.slice(1);
    return node.children.map((child) =>
      of === 'ManagedObjectReference'
        ? decodeRef(child)
        : of === 'AnyType'
          ? decodeAny(child, null, reading)
          : single(child, readNotation(isTypeName(of) ? of : isScalar(scalar) ? scalar : 'string'), reading),
    );
  }
  if (isScalar(node.type)) return single(node, readNotation(node.type), reading);
  if (isTypeName(node.type)) return object(node, node.type, reading);
  // Enumerations are types of their own on the wire, and text.
  return node.children.length === 0 ? node.text : { _type: node.type };
}

function single(node: XmlNode, { name, kind }: Pick<Notation, 'name' | 'kind'>, reading: Reading): unknown {
  if (kind === 'reference') return decodeRef(node);
  if (kind === 'object') return object(node, name as TypeName, reading);
  const { text } = node;
  switch (name) {
    case 'string':
    case 'dateTime':
      return text;
    case 'boolean':
      return booleanOf(text, node.name);
    case 'byte':
    case 'short':
    case 'int':
    case 'long':
      return integerOf(text, node.name);
    case 'double':
      return Number(text);
    case 'any':
      return decodeAny(node, null, reading);
    default:
      throw new FormatError(`${node.name} is of an unknown type: ${name}`);
  }
}

export function booleanOf(text: string, name: string): boolean {
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw new FormatError(`${localName(name)} is no boolean: ${shown(text)}`);
}

export function integerOf(text: string, name: string): number {
  const value = /^\s*[+-]?\d{1,20}\s*$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new FormatError(`${localName(name)} is no whole number: ${shown(text)}`);
  return value;
}

function object(node: XmlNode, declared: TypeName, reading: Reading): Bag {
  const actual = node.type === '' ? declared : node.type;
  const known = actual === declared || (isTypeName(actual) && isSubtype(actual, declared));
  if (!known && reading === 'strict') throw new FormatError(`${node.name} is no ${declared} but a ${actual}`);
  const name = known ? (actual as TypeName) : declared;
  const bag = fields(node, fieldsOf(name), name, reading);
  bag['_type'] = actual;
  return bag;
}

function fields(node: XmlNode, table: ReadonlyMap<string, string>, owner: string, reading: Reading): Bag {
  const bag: Bag = {};
  const { notations, lists, required } = planOf(table);
  for (const child of node.children) {
    const notation = notations.get(child.name);
    if (notation === undefined) {
      if (reading === 'strict') throw new FormatError(`${owner} has no ${child.name}`);
      continue;
    }
    const value = single(child, notation, reading);
    if (!notation.many) {
      if (reading === 'strict' && child.name in bag) throw new FormatError(`${owner}.${child.name} stands there twice`);
      bag[child.name] = value;
    } else {
      const list = bag[child.name];
      if (Array.isArray(list)) list.push(value);
      else bag[child.name] = [value];
    }
  }
  for (const field of lists) bag[field] ??= [];
  for (const field of required) if (bag[field] === undefined) throw new FormatError(`${owner}.${field} is missing`);
  if (reading === 'strict') checkOrder(node, table, owner);
  return bag;
}

type Plan = {
  readonly notations: ReadonlyMap<string, Notation>;
  /** Fields that are there whatever was told, and those that have to be told. */
  readonly lists: readonly string[];
  readonly required: readonly string[];
};

function planOf(table: ReadonlyMap<string, string>): Plan {
  let found = plans.get(table);
  if (found === undefined) {
    const notations = new Map([...table].map(([name, notation]) => [name, readNotation(notation)]));
    const those = (which: (notation: Notation) => boolean): string[] =>
      [...notations].flatMap(([name, notation]) => (which(notation) ? [name] : []));
    found = {
      notations,
      lists: those(({ many }) => many),
      required: those(({ many, optional }) => !many && !optional),
    };
    plans.set(table, found);
  }
  return found;
}
const plans = new WeakMap<ReadonlyMap<string, string>, Plan>();

function checkOrder(node: XmlNode, table: ReadonlyMap<string, string>, owner: string): void {
  const order = [...table.keys()];
  let last = 0;
  for (const { name } of node.children) {
    const at = order.indexOf(name);
    if (at < last) throw new FormatError(`${owner}.${name} comes too late: the order is ${order.join(', ')}`);
    last = at;
  }
}

const scalars = new Set(['string', 'boolean', 'byte', 'short', 'int', 'long', 'double', 'dateTime']);
export function isScalar(name: string): boolean {
  return scalars.has(name);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
