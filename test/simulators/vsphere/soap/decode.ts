/**
 * Parameters as a vSphere server reads them: elements in the order of the table, nothing unknown, nothing missing, every
 * primitive in its lexical form and range, `xsi:type` wherever a type only stands for its subtypes.
 */
import { invalidRequest, VimFault } from './fault.ts';
import type { Element } from './xml.ts';
import type { Field } from '../schema/notation.ts';
import { abstractTypes, dataTypes, enumValues, fieldsOf, isSubtype, managed, primitives } from '../schema/types.ts';
import type { Data, Ref, Value } from '../values.ts';

export const vim25 = 'urn:vim25';

/** The fields of `owner` from the children of an element; `context` is what the messages name. */
export function decodeFields(
  children: readonly Element[],
  fields: readonly Field[],
  context: string,
): Record<string, Value> {
  const values: Record<string, Value> = {};
  let at = 0;
  for (const field of fields) {
    const found: Element[] = [];
    for (let child = children[at]; child?.name === field.name && (field.array || found.length === 0); ) {
      if (child.uri !== vim25) throw refuse(`Unexpected namespace "${child.uri}" of element "${child.name}"`, context);
      found.push(child);
      at += 1;
      child = children[at];
    }
    if (found.length === 0 && !field.optional) throw refuse(`Required parameter ${field.name} is missing`, context);
    const decoded = found.map((child) => decodeValue(child, field.type, context));
    if (field.array && found.length > 0) values[field.name] = decoded;
    else if (decoded[0] !== undefined) values[field.name] = decoded[0];
  }
  const left = children[at];
  if (left !== undefined) throw refuse(`Unexpected element tag "${left.name}" seen in line ${left.line}`, context);
  return values;
}

function decodeValue(element: Element, declared: string, context: string): Value {
  if (declared === 'ref') return decodeRef(element, context);
  const type = typeOf(element, declared, context);
  if (type === 'ManagedObjectReference') return decodeRef(element, context);
  if (primitives.has(type)) return decodePrimitive(element, type, context);
  const values = enumValues(type);
  if (values !== undefined) {
    if (!values.includes(element.text)) throw refuse(`Invalid value "${element.text}" of ${type}`, context);
    return element.text;
  }
  noText(element, context);
  return { ...decodeFields(element.children, fieldsOf(type), `${context}, data object ${type}`), _type: type } as Data;
}

function typeOf(element: Element, declared: string, context: string): string {
  const given = element.attributes.get('xsi:type');
  if (given === undefined) {
    if (abstractTypes.has(declared)) throw refuse(`Element "${element.name}" needs an xsi:type`, context);
    return declared;
  }
  const colon = given.indexOf(':');
  const type = colon < 0 ? given : given.slice(colon + 1);
  const known = dataTypes.has(type) || primitives.has(type) || enumValues(type) !== undefined;
  const reference = type === 'ManagedObjectReference' && declared === 'anyType';
  if (!reference && (!known || abstractTypes.has(type))) throw wrongType(type);
  if (declared !== 'anyType' && declared !== type && !isSubtype(type, declared)) throw wrongType(type);
  return type;
}

export function decodeRef(element: Element, context: string): Ref {
  const type = element.attributes.get('type');
  if (type === undefined) throw refuse(`Element "${element.name}" needs the attribute type`, context);
  if (!managed.has(type)) throw wrongType(type);
  if (element.children.length > 0 || element.text.trim() === '') {
    throw refuse(`Element "${element.name}" is no reference`, context);
  }
  return { type, value: element.text.trim() };
}

const ranges: Readonly<Record<string, number>> = {
  byte: 2 ** 7,
  short: 2 ** 15,
  int: 2 ** 31,
  long: Number.MAX_SAFE_INTEGER,
};

function decodePrimitive(element: Element, type: string, context: string): Value {
  const { text, children } = element;
  const wrong = (): VimFault => refuse(`Invalid value "${text}" of ${element.name}, ${type} expected`, context);
  if (children.length > 0) throw wrong();
  const range = ranges[type];
  if (range !== undefined) {
    const value = Number(text);
    if (!/^\s*[+-]?\d+\s*$/.test(text) || value < -range || value > range - 1) throw wrong();
    return value;
  }
  if (type === 'double') {
    if (text.trim() === '' || Number.isNaN(Number(text))) throw wrong();
    return Number(text);
  }
  if (type === 'boolean') {
    if (!/^\s*(true|false|0|1)\s*$/.test(text)) throw wrong();
    return /true|1/.test(text);
  }
  if (type === 'dateTime' && (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(Date.parse(text)))) throw wrong();
  return text;
}

function noText(element: Element, context: string): void {
  if (element.text.trim() !== '') throw refuse(`Text in element "${element.name}", where none may be`, context);
}

const refuse = (problem: string, context: string): VimFault =>
  invalidRequest(`${problem}\n\nwhile parsing call information for method ${context}\n\nwhile parsing SOAP body`);

const wrongType = (type: string): VimFault =>
  new VimFault('InvalidType', `The type name "${type}" is unknown or does not fit here`, { argument: type });
