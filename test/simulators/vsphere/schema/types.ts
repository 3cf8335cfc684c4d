/**
 * The simulator's own table of types, written from the vSphere Web Services reference and apart from the client's: a test
 * compares the two, so that a mistake in either is seen.
 */
import { deviceTypes } from './device-types.ts';
import { faultTypes } from './fault-types.ts';
import { hostTypes } from './host-types.ts';
import { enumerations, managedTypes } from './managed-types.ts';
import { parseDefinitions, type Definition, type Field } from './notation.ts';
import { propertyTypes } from './property-types.ts';
import { vmTypes } from './vm-types.ts';

const tableOf = (...texts: string[]): ReadonlyMap<string, Definition> =>
  new Map(texts.flatMap(parseDefinitions).map((definition) => [definition.name, definition]));

export const dataTypes = tableOf(propertyTypes, faultTypes, deviceTypes, vmTypes, hostTypes);
export const managed = tableOf(managedTypes);

/** Our names of the XML Schema types. */
export const primitives: ReadonlySet<string> = new Set([
  'string',
  'int',
  'long',
  'short',
  'byte',
  'boolean',
  'double',
  'dateTime',
  'base64Binary',
  'anyURI',
]);

/** Types that only stand for their subtypes: without `xsi:type` nobody knows which. */
export const abstractTypes: ReadonlySet<string> = new Set([
  'anyType',
  'MethodFault',
  'RuntimeFault',
  'VimFault',
  'SessionManagerServiceRequestSpec',
  'VirtualDevice',
  'VirtualDeviceBackingInfo',
  'VirtualMachineBootOptionsBootableDevice',
]);

/** The type itself, then its bases. */
export function lineage(name: string): string[] {
  const found = dataTypes.get(name) ?? managed.get(name);
  if (found === undefined) return [];
  return [name, ...(found.base === null ? [] : lineage(found.base))];
}

export const isSubtype = (name: string, base: string): boolean => lineage(name).includes(base);

const cache = new Map<string, readonly Field[]>();

/** All fields in the order of the wire: those of the bases first. */
export function fieldsOf(name: string): readonly Field[] {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const found = dataTypes.get(name) ?? managed.get(name);
  if (found === undefined) throw new Error(`the simulator knows no type ${name}`);
  const fields = [...(found.base === null ? [] : fieldsOf(found.base)), ...found.fields];
  cache.set(name, fields);
  return fields;
}

export const fieldOf = (type: string, name: string): Field | undefined =>
  dataTypes.has(type) || managed.has(type) ? fieldsOf(type).find((field) => field.name === name) : undefined;

export const enumValues = (name: string): readonly string[] | undefined => enumerations[name];
