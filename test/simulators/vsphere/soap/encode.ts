/** Values as a vSphere server writes them: fields in the order of the table, `xsi:type` where it is not the declared type. */
import type { Field } from '../schema/notation.ts';
import { dataTypes, enumValues, fieldsOf, primitives } from '../schema/types.ts';
import { asText, isData, isList, isRef, type Value } from '../values.ts';

const special: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;' };

export const escapeText = (text: string): string =>
  /[&<>\r]/.test(text) ? text.replaceAll(/[&<>\r]/g, (found) => special[found] ?? found) : text;
const escapeAttribute = (text: string): string => escapeText(text).replaceAll('"', '&quot;');

/** One element, or for a list one after the other. `declared` is the type in the table, `ref` and `anyType` among them. */
export function encode(name: string, value: Value | undefined, declared: string, array: boolean): string {
  if (value === undefined) return '';
  if (array && isList(value)) return value.map((item) => encode(name, item, declared, false)).join('');
  if (declared === 'anyType') return encodeAny(name, value, undefined);
  if (isRef(value)) return reference(name, value.type, value.value, '');
  if (isData(value)) {
    const type = value._type === declared ? '' : ` xsi:type="${value._type}"`;
    return `<${name}${type}>${encodeFields(value, value._type)}</${name}>`;
  }
  if (isList(value)) throw new Error(`a list where ${declared} is one value: ${name}`);
  return `<${name}>${escapeText(String(value))}</${name}>`;
}

export function encodeFields(value: Readonly<Record<string, Value | undefined>>, type: string): string {
  const fields = dataTypes.has(type) ? fieldsOf(type) : unknownFields(value);
  let text = '';
  for (const field of fields) text += encode(field.name, value[field.name], field.type, field.array);
  return text;
}

/** Types outside of the table come from a dump: their fields are written as they stood there. */
function unknownFields(value: Readonly<Record<string, Value | undefined>>): Field[] {
  return Object.entries(value)
    .filter(([name]) => name !== '_type')
    .map(([name, field]) => ({
      name,
      type: isRef(field) ? 'ref' : isData(field) ? field._type : 'string',
      array: isList(field),
      optional: true,
    }));
}

/** A value whose type the reader cannot know: it says it itself. `known` is the type of the property, when there is one. */
export function encodeAny(name: string, value: Value, known: { readonly type: string } | undefined): string {
  if (isList(value)) return list(name, value, known);
  if (isRef(value)) return reference(name, value.type, value.value, ' xsi:type="ManagedObjectReference"');
  if (isData(value) && value._type === 'Typed') {
    return encodeAny(name, value['value'] ?? '', { type: asText(value['type']) ?? 'string' });
  }
  if (isData(value)) return `<${name} xsi:type="${value._type}">${encodeFields(value, value._type)}</${name}>`;
  return `<${name} xsi:type="${scalarType(value, known?.type)}">${escapeText(String(value))}</${name}>`;
}

function scalarType(value: string | number | boolean, known: string | undefined): string {
  if (known !== undefined && primitives.has(known)) return `xsd:${known}`;
  if (known !== undefined && enumValues(known) !== undefined) return known;
  if (typeof value === 'boolean') return 'xsd:boolean';
  if (typeof value === 'number') return Math.abs(value) < 2 ** 31 ? 'xsd:int' : 'xsd:long';
  return 'xsd:string';
}

function list(name: string, values: readonly Value[], known: { readonly type: string } | undefined): string {
  const first = values[0];
  const guessed = isRef(first) ? 'ref' : isData(first) ? first._type : 'string';
  const type = known?.type ?? guessed;
  const item = type === 'ref' ? 'ManagedObjectReference' : type;
  const container = `ArrayOf${item.charAt(0).toUpperCase()}${item.slice(1)}`;
  const items = values.map((value) =>
    isRef(value)
      ? reference(item, value.type, value.value, ' xsi:type="ManagedObjectReference"')
      : encode(item, value, type, false),
  );
  return `<${name} xsi:type="${container}">${items.join('')}</${name}>`;
}

const reference = (name: string, type: string, value: string, extra: string): string =>
  `<${name} type="${escapeAttribute(type)}"${extra}>${escapeText(value)}</${name}>`;
