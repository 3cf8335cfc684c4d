/**
 * Many rows as one parameter a column. PostgreSQL reads each value once, as its column's type does; of `jsonb_to_recordset`
 * it makes a document first and takes that apart again (0.4 s of its CPU more for 10,000 VMs).
 */
import { type RawBuilder, sql } from 'kysely';
import { jsonText } from './db.ts';

type Plain = 'uuid' | 'text' | 'boolean' | 'smallint' | 'integer' | 'bigint';
/** Of jsonb a value is any; of an array a list; of the others a string, number or boolean; any but those in lists may be null. */
export type ColumnType = Plain | 'text[]' | 'bigint[]' | 'jsonb';

/**
 * @param types by column, in the order of `values`
 * @returns for `insert into x (${names}) select ${values} from ${rows}`; the rows are called `r`
 */
export function recordset<Name extends string>(
  types: Readonly<Record<Name, ColumnType>>,
  rows: ReadonlyArray<Readonly<Record<Name, unknown>>>,
): Record<'names' | 'values' | 'rows', RawBuilder<unknown>> {
  const columns = Object.entries(types) as [Name, ColumnType][];
  const names = sql.join(columns.map(([name]) => sql.ref(name)));
  const values = columns.map(([name, type]) =>
    isWritten(type) ? sql`${sql.ref(`r.${name}`)}::${sql.raw(type)}` : sql.ref(`r.${name}`),
  );
  const parameters = columns.map(([name, type]) => {
    const given = rows.map((row) => row[name]);
    // No JSON text has a line break in it.
    if (type === 'jsonb') return sql`string_to_array(${jsonText(given, '\n')}, E'\n')`;
    return sql`${arrayOf(given)}::${sql.raw(isWritten(type) ? 'text' : type)}[]`;
  });
  return { names, values: sql.join(values), rows: sql`unnest(${sql.join(parameters)}) as r(${names})` };
}

/** Sent as a text that becomes what it is row by row: an array of arrays would have to be a rectangle. */
function isWritten(type: ColumnType): boolean {
  return type === 'jsonb' || type.endsWith('[]');
}

/** As PostgreSQL writes an array. Without NULs, which it refuses; halves of characters are no UTF-8 and are replaced on the way. */
function arrayOf(values: readonly unknown[]): string {
  const written = values.map((value) => (Array.isArray(value) ? `{${value.map(bareOf).join(',')}}` : value));
  const text = JSON.stringify(written);
  // Where nothing had to be escaped, the two differ in their brackets only.
  const array = text.includes('\\') ? `{${written.map(elementOf).join(',')}}` : `{${text.slice(1, -1)}}`;
  return array.includes('\0') ? array.replaceAll('\0', '') : array;
}

function elementOf(value: unknown): string {
  return typeof value === 'string' ? quoted(value) : String(value);
}

/** Within a text that is quoted itself: quotation marks are left out where they are not needed. */
function bareOf(value: unknown): string {
  const text = String(value);
  return /^[\w.:=/[\]-]+(?: [\w.:=/[\]-]+)*$/.test(text) && !/^null$/i.test(text) ? text : quoted(text);
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
