/**
 * The notation of the tables beside this file: one definition begins in the first column, `Name`, `Name < Base`, then `:` and
 * its fields in the order of the wire, comma separated: `name type`, `name? type` (may be absent), `name type[]`.
 */
export type Field = {
  readonly name: string;
  /** Without brackets: a primitive, an enumeration, a data type, `ref` (ManagedObjectReference) or `anyType`. */
  readonly type: string;
  readonly array: boolean;
  readonly optional: boolean;
};

export type Definition = { readonly name: string; readonly base: string | null; readonly fields: readonly Field[] };

export function parseDefinitions(text: string): Definition[] {
  return text
    .trim()
    .split(/\n(?=\S)/)
    .map((block) => {
      const joined = block.replaceAll(/\s+/g, ' ').trim();
      const colon = joined.indexOf(':');
      const head = (colon < 0 ? joined : joined.slice(0, colon)).split('<').map((word) => word.trim());
      const body = colon < 0 ? '' : joined.slice(colon + 1);
      return { name: head[0] ?? '', base: head[1] ?? null, fields: parseFields(body) };
    });
}

export function parseFields(text: string): Field[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .map((word) => {
      const match = /^(\w+)(\?)? (\w+)(\[\])?$/.exec(word);
      if (match === null) throw new Error(`not a field: '${word}'`);
      const [, name = '', optional, type = '', array] = match;
      return { name, type, optional: optional === '?', array: array === '[]' };
    });
}
