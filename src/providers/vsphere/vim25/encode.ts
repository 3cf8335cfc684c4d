/** From values to XML, along the table; in the protocol's order. */
import { escapeXml } from '../../domain/xml.ts';
import { FormatError } from './decode.ts';
import {
  fieldsOf,
  isSubtype,
  isTypeName,
  methods,
  readNotation,
  type MethodInput,
  type MethodName,
  type Ref,
  type TypeName,
  type VimInput,
} from './schema.ts';

/** A value for a place that takes anything, with the notation that it is to be written by. */
export class Any {
  readonly notation: string;
  readonly value: unknown;

  constructor(notation: string, value: unknown) {
    this.notation = notation;
    this.value = value;
  }
}

type Bag = Readonly<Record<string, unknown>>;

/** The element of a method call. */
export function encodeCall<M extends MethodName>(method: M, self: Ref, input: MethodInput<M>): string {
  const parts = [ref('_this', self)];
  for (const [name, notation] of Object.entries(methods[method].params)) {
    parts.push(encodeNamed(name, notation, (input as Bag)[name], method));
  }
  return `<${method} xmlns="urn:vim25">${parts.join('')}</${method}>`;
}

/** What a method returned, as the element around it. */
export function encodeResult(method: MethodName, result: unknown): string {
  const { returns } = methods[method];
  const inner = returns === '' ? '' : encodeNamed('returnval', returns, result, method);
  return `<${method}Response xmlns="urn:vim25">${inner}</${method}Response>`;
}

export function encodeObject<N extends TypeName>(name: string, type: N, value: VimInput<N>): string {
  return object(name, type, value as Bag);
}

/** A value under its name: none, one or several elements. @throws FormatError when it must be there and is not. */
export function encodeNamed(name: string, notation: string, value: unknown, owner: string): string {
  const { name: type, many, optional } = readNotation(notation);
  if (value === undefined || value === null) {
    if (optional) return '';
    throw new FormatError(`${owner}.${name} is missing`);
  }
  if (!many) return single(name, type, value);
  if (!Array.isArray(value)) throw new FormatError(`${owner}.${name} is no list`);
  return value.map((item) => single(name, type, item)).join('');
}

function single(name: string, type: string, value: unknown): string {
  if (type.startsWith('&')) return ref(name, value as Ref);
  if (isTypeName(type)) return object(name, type, value as Bag);
  if (type === 'any') return anything(name, value instanceof Any ? value : inferred(value));
  return `<${name}>${scalar(type, value)}</${name}>`;
}

function object(name: string, declared: TypeName, value: Bag): string {
  const actual = typeof value['_type'] === 'string' ? value['_type'] : declared;
  if (!isTypeName(actual) || !isSubtype(actual, declared)) {
    throw new FormatError(`${name} is no ${declared} but a ${actual}`);
  }
  const type = actual === declared ? '' : ` xsi:type="${actual}"`;
  return `<${name}${type}>${content(actual, value)}</${name}>`;
}

function content(type: TypeName, value: Bag): string {
  let text = '';
  for (const [field, notation] of fieldsOf(type)) text += encodeNamed(field, notation, value[field], type);
  return text;
}

function anything(name: string, { notation, value }: Any): string {
  const { name: type, many } = readNotation(notation);
  const array = type.startsWith('&') ? 'ManagedObjectReference' : type.charAt(0).toUpperCase() + type.slice(1);
  if (many) {
    const items = (value as readonly unknown[]).map((item) =>
      single(isTypeName(type) || type.startsWith('&') ? array : type, type, item),
    );
    return `<${name} xsi:type="ArrayOf${array}">${items.join('')}</${name}>`;
  }
  if (type.startsWith('&')) {
    const { type: of, value: id } = value as Ref;
    return `<${name} type="${escapeXml(of)}" xsi:type="ManagedObjectReference">${escapeXml(id)}</${name}>`;
  }
  if (isTypeName(type)) {
    const actual = (value as Bag)['_type'] ?? type;
    if (typeof actual !== 'string' || !isTypeName(actual)) throw new FormatError(`${name} is of an unknown type`);
    return `<${name} xsi:type="${actual}">${content(actual, value as Bag)}</${name}>`;
  }
  return `<${name} xsi:type="xsd:${type}">${scalar(type, value)}</${name}>`;
}

function inferred(value: unknown): Any {
  if (typeof value === 'string') return new Any('string', value);
  if (typeof value === 'boolean') return new Any('boolean', value);
  if (typeof value === 'number') return new Any(Math.abs(value) < 2 ** 31 ? 'int' : 'long', value);
  const bag = (value ?? {}) as Bag;
  if (typeof bag['_type'] === 'string') return new Any(bag['_type'], value);
  if (typeof bag['type'] === 'string' && typeof bag['value'] === 'string') return new Any('&ManagedObject', value);
  throw new FormatError('a value of any type needs its notation');
}

function ref(name: string, { type, value }: Ref): string {
  return `<${name} type="${escapeXml(type)}">${escapeXml(value)}</${name}>`;
}

function scalar(type: string, value: unknown): string {
  switch (type) {
    case 'byte':
    case 'short':
    case 'int':
    case 'long':
      if (!Number.isSafeInteger(value)) throw new FormatError(`${String(value)} is no whole number`);
      return String(value);
    case 'boolean':
    case 'double':
      return String(value);
    case 'string':
    case 'dateTime':
      if (typeof value !== 'string') throw new FormatError(`a ${type} is expected`);
      return escapeXml(value);
    default:
      throw new FormatError(`${type} is of an unknown type`);
  }
}
