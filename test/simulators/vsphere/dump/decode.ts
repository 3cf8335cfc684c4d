/** Values as a dump holds them: what the table knows is read by it, other types as they stand there, other fields not at all. */
import { dataTypes, enumValues, fieldsOf, primitives } from '../schema/types.ts';
import type { Element } from '../soap/xml.ts';
import { data, type Data, type Value } from '../values.ts';

export function decodeDumped(element: Element, declared: string): Value | undefined {
  const given = element.attributes.get('xsi:type')?.replace(/^.*:/, '');
  const type = given ?? declared;
  if (type.startsWith('ArrayOf')) {
    const item = type.slice('ArrayOf'.length);
    const known = item.charAt(0).toLowerCase() + item.slice(1);
    return list(element.children, primitives.has(known) ? known : item);
  }
  if (type === 'ref' || type === 'ManagedObjectReference') {
    return { type: element.attributes.get('type') ?? '', value: element.text.trim() };
  }
  if (primitives.has(type) || enumValues(type) !== undefined) return scalar(element.text, type);
  if (!dataTypes.has(type)) return untyped(element, type);
  const fields = fieldsOf(type).map((field): [string, Value | undefined] => {
    const found = element.children.filter(({ name }) => name === field.name);
    if (field.array) return [field.name, found.length === 0 ? undefined : list(found, field.type)];
    return [field.name, found[0] === undefined ? undefined : decodeDumped(found[0], field.type)];
  });
  return data(type, Object.fromEntries(fields));
}

const list = (elements: readonly Element[], type: string): Value[] =>
  elements.map((element) => decodeDumped(element, type)).filter((value) => value !== undefined);

function scalar(text: string, type: string): Value {
  if (type === 'boolean') return text === 'true';
  return ['byte', 'short', 'int', 'long', 'double'].includes(type) ? Number(text) : text;
}

function untyped(element: Element, type: string): Value {
  if (element.children.length === 0) {
    const target = element.attributes.get('type');
    return target === undefined ? element.text : { type: target, value: element.text.trim() };
  }
  const names = new Set(element.children.map(({ name }) => name));
  const fields = [...names].map((name): [string, Value | undefined] => {
    const found = element.children
      .filter((child) => child.name === name)
      .map((child) => decodeDumped(child, 'anyType'));
    return [name, found.length === 1 ? found[0] : found.filter((value) => value !== undefined)];
  });
  return data(type, Object.fromEntries(fields)) satisfies Data;
}
