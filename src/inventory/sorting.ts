/** Orders of a list of VMs, and the place in it where a page begins (keyset paging: the last row of the page before). */
import { type RawBuilder, sql } from 'kysely';
import { WherryError } from '../model/errors.ts';
import type { SortKey } from './search-api.ts';

/** Columns of inventory_search are folded. */
const text = (column: string): RawBuilder<unknown> => sql`coalesce(${sql.ref(column)}, '')`;
const number = (column: string): RawBuilder<unknown> => sql`coalesce(${sql.ref(column)}, -1)::bigint`;

/** Never null, so that rows can be compared. */
const sorts: Readonly<Record<SortKey, { readonly at: RawBuilder<unknown>; readonly type: 'text' | 'number' }>> = {
  name: { at: sql`v.name`, type: 'text' },
  provider: { at: sql`lower(p.name collate "C")`, type: 'text' },
  power: { at: text('v.power'), type: 'text' },
  host: { at: text('v.host'), type: 'text' },
  cluster: { at: text('v.cluster'), type: 'text' },
  folder: { at: text('v.folder'), type: 'text' },
  os: { at: text('v.os'), type: 'text' },
  cpus: { at: number('v.cpus'), type: 'number' },
  memory: { at: number('v.memory_bytes'), type: 'number' },
  'disks.count': { at: number('v.disk_count'), type: 'number' },
  'disks.total': { at: number('v.disk_bytes'), type: 'number' },
  'disks.used': { at: number('v.used_bytes'), type: 'number' },
  'snapshots.count': { at: number('v.snapshot_count'), type: 'number' },
  hostname: { at: text('v.hostname'), type: 'text' },
  severity: { at: number('v.severity'), type: 'number' },
};

export type Sort = `${'' | '-'}${SortKey}`;
export type Place = { readonly value: string | number; readonly id: string };

export type Order = {
  /** What rows are ordered by: to be selected as `sort_key` of `h`, beside `object_id`. */
  readonly at: RawBuilder<unknown>;
  readonly by: RawBuilder<unknown>;
  /** The rows after a place. */
  after(place: Place): RawBuilder<boolean>;
};

export function orderOf(sort: Sort): Order {
  const { at, type } = sortOf(sort);
  const isDown = sort.startsWith('-');
  const by = isDown ? sql`h.sort_key desc, h.object_id desc` : sql`h.sort_key, h.object_id`;
  const cast = type === 'text' ? sql`::text` : sql`::bigint`;
  const after = ({ value, id }: Place): RawBuilder<boolean> =>
    sql`(h.sort_key, h.object_id) ${isDown ? sql`<` : sql`>`} (${value}${cast}, ${id}::uuid)`;
  return { at, by, after };
}

/** What a page's `next` holds; nobody outside has to read it. */
export function cursorOf(sort: Sort, { value, id }: Place): string {
  return Buffer.from(JSON.stringify([sort, value, id])).toString('base64url');
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @throws search.page_unknown: not ours, or of another order */
export function placeOf(cursor: string, sort: Sort): Place {
  const [of, value, id] = parsed(cursor);
  const fits = typeof value === 'string' ? isStorable(value) : Number.isSafeInteger(value);
  if (of === sort && fits && typeof value === sortOf(sort).type.replace('text', 'string')) {
    if (typeof id === 'string' && uuid.test(id)) return { value: value as string | number, id };
  }
  throw new WherryError('search.page_unknown');
}

function sortOf(sort: Sort): (typeof sorts)[SortKey] {
  return sorts[sort.replace(/^-/, '') as SortKey];
}

function parsed(cursor: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return []; // not ours
  }
}

function isStorable(value: string): boolean {
  return value.isWellFormed() && !value.includes('\0');
}
