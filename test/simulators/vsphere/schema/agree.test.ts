/**
 * The client's table of types against the simulator's: written by two hands from the same reference, so that a field in the
 * wrong place, of the wrong type, or wrongly always there is seen as a difference.
 */
import { describe, expect, it } from 'vitest';
import {
  managed as clientManaged,
  methods as clientMethods,
  types as clientTypes,
} from '../../../../src/providers/vsphere/vim25/schema.ts';
import { methods } from './method-types.ts';
import type { Field } from './notation.ts';
import { dataTypes, enumValues, fieldsOf, lineage, managed } from './types.ts';

type ClientFields = Readonly<Record<string, string>>;
type ClientType = { readonly base?: string; readonly fields?: ClientFields; readonly properties?: ClientFields };

const client = new Map<string, ClientType>([...Object.entries(clientTypes), ...Object.entries(clientManaged)]);

function clientFields(name: string): Array<[string, string]> {
  const found = client.get(name);
  if (found === undefined) return [];
  const own = Object.entries({ ...found.fields, ...found.properties });
  return [...(found.base === undefined ? [] : clientFields(found.base)), ...own];
}

/** In the client's notation, with enumerations as the texts they are there. */
function inClientsWords({ type, array, optional }: Field): { type: string; array: boolean; optional: boolean } {
  const word = type === 'ref' ? '&' : type === 'anyType' ? 'any' : enumValues(type) === undefined ? type : 'string';
  return { type: word, array, optional: array || optional };
}

function fromClient(notation: string): { type: string; array: boolean; optional: boolean } {
  const array = notation.endsWith('[]');
  const type = notation.replace(/\?|\[\]/g, '').replace(/^&.*/, '&');
  return { type: type === 'base64Binary' ? 'string' : type, array, optional: array || notation.endsWith('?') };
}

/** What differs, one line each. `strictOrder`: the client's fields must come in the simulator's order. */
function differences(
  name: string,
  ours: readonly Field[],
  theirs: ReadonlyArray<[string, string]>,
  strictOrder = true,
): string[] {
  const known = new Map(ours.map((field, index) => [field.name, { field, index }]));
  let last = -1;
  return theirs.flatMap(([field, notation]) => {
    const found = known.get(field);
    if (found === undefined) return [`${name}.${field}: not in the simulator`];
    const lines: string[] = [];
    const [one, other] = [inClientsWords(found.field), fromClient(notation)];
    const narrower = other.type === 'any' || lineage(other.type).includes(one.type); // a client may know what a property holds in its class
    if ((one.type !== other.type && !narrower) || one.array !== other.array)
      lines.push(`${name}.${field}: ${JSON.stringify(one)}, client ${notation}`);
    // What a client takes as optional although it is always there is only careful.
    if (one.optional && !other.optional) lines.push(`${name}.${field}: may be absent, client ${notation}`);
    if (strictOrder && found.index < last) lines.push(`${name}.${field}: out of order in the client`);
    last = found.index;
    return lines;
  });
}

describe('the two tables of types agree', () => {
  it('on fields, types and order of data types', () => {
    const shared = [...client.keys()].filter((name) => dataTypes.has(name));
    expect(shared.length).toBeGreaterThan(80);
    expect(shared.flatMap((name) => differences(name, fieldsOf(name), clientFields(name)))).toEqual([]);
  });

  it('on what is derived from what', () => {
    const wrong = [...client]
      .filter(([name, { base }]) => (dataTypes.has(name) || managed.has(name)) && base !== undefined)
      .filter(([name, { base }]) => !lineage(name).includes(base ?? ''))
      .map(([name, { base }]) => `${name} < ${base}`);
    expect(wrong).toEqual([]);
  });

  it('on properties of managed objects', () => {
    expect(Object.keys(clientManaged).filter((name) => !managed.has(name))).toEqual([]);
    const shared = [...client.keys()].filter((name) => managed.has(name));
    expect(shared.length).toBeGreaterThan(15);
    expect(shared.flatMap((name) => differences(name, fieldsOf(name), clientFields(name), false))).toEqual([]);
  });

  it('on methods, their parameters and results', () => {
    const lines = Object.entries(clientMethods).flatMap(([name, { of, params, returns }]) => {
      const found = methods.get(name);
      if (found === undefined) return [`${name}: not in the simulator`];
      const result = returns.replace(/\?|\[\]/g, '').replace(/^&.*/, 'ref');
      const wrong =
        (found.returns?.type ?? '') !== result || (found.returns?.array ?? false) !== returns.endsWith('[]');
      const parameters = differences(name, found.parameters, Object.entries(params));
      const left = found.parameters.filter(({ name: each, optional }) => !optional && !(each in params));
      return [
        ...(lineage(of).includes(found.of) ? [] : [`${name}: of ${found.of}, client ${of}`]),
        ...(wrong ? [`${name}: returns ${JSON.stringify(found.returns)}, client ${returns}`] : []),
        ...parameters,
        ...left.map((each) => `${name}: the client does not know ${each.name}`),
      ];
    });
    expect(lines).toEqual([]);
  });
});
