/** Searches through all VMs that a provider shows now: inventory_vm holds no others. */
import { type RawBuilder, sql } from 'kysely';
import type { Db, Executor } from '../db/db.ts';
import type { ProviderType } from '../model/provider.ts';
import type { VmListItem, VmPage } from './search-api.ts';
import type { Filter } from './search/ast.ts';
import { written, type Completion, type Suggestion } from './search/complete.ts';
import type { Field } from './search/field.ts';
import { likeOf } from './search/glob.ts';
import { conditionOf, needsObject } from './search/sql.ts';
import { cursorOf, orderOf, type Place, placeOf, type Sort } from './sorting.ts';

const shownOnly = sql`provider p on p.system_id = v.system_id and p.removed_at is null`;
/** `v` and `p` of the conditions: folded, narrow. */
const searched = sql`inventory_search v join ${shownOnly}`;
/** The same VMs as they are shown. */
const vmsAndProviders = sql`inventory_vm v join ${shownOnly}`;

export type Search = {
  readonly filter: Filter;
  readonly provider?: string | undefined;
  readonly sort: Sort;
};

/**
 * One page and the number of all that are found.
 * @throws search.page_unknown
 */
export async function searchVms(
  db: Db,
  search: Search,
  page: { readonly limit: number; readonly after?: string | undefined; readonly skip?: number | undefined },
): Promise<VmPage> {
  const { limit, after, skip = 0 } = page;
  const place = after === undefined ? null : placeOf(after, search.sort);
  const { rows, total } = await readRows(db.kysely, search, { limit: limit + 1, place, skip });
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const next = rows.length > limit && last !== undefined ? cursorOf(search.sort, placeAt(last)) : null;
  return { items: items.map(shown), total, next };
}

const exportedAtOnce = 1_000;

/** All that are found, page by page; each page is as the database is when it is read. */
export async function* exportVms(db: Db, search: Search): AsyncGenerator<VmListItem[]> {
  for (let place: Place | null = null; ; ) {
    const { rows }: Found = await readRows(db.kysely, search, { limit: exportedAtOnce, place, skip: 0 });
    if (rows.length > 0) yield rows.map(shown);
    const last = rows.at(-1);
    if (last === undefined || rows.length < exportedAtOnce) return;
    place = placeAt(last);
  }
}

const mostValues = 20;

/** Stored values that a completion asks for, in order, as they have to be written. */
export async function completeValues(db: Db, { values }: Completion): Promise<Suggestion[]> {
  const from = values === null ? null : distinctOf(values.field);
  if (values === null || from === null) return [];
  const like = likeOf([...Array.from(values.prefix, (text) => ({ kind: 'is', text }) as const), { kind: 'any' }]);
  const { rows } = await sql<{ value: string }>`
    select distinct value from (${from}) as all_values
    where value <> '' and lower(value collate "C") like ${like}
    order by value limit ${mostValues}`.execute(db.kysely);
  return rows.map(({ value }) => ({ text: written(value, values.isGlob), kind: 'value', detail: '' }));
}

function distinctOf({ place }: Field): RawBuilder<unknown> | null {
  if (place?.kind === 'column') return sql`select (${place.at})::text as value from ${vmsAndProviders}`;
  if (place?.kind === 'numbers') return sql`select unnest(${place.at})::text as value from ${vmsAndProviders}`;
  if (place?.kind === 'set' || place?.kind === 'texts') {
    return sql`select unnest(${sql.ref(`v.${place.of}`)}) as value from ${vmsAndProviders}`;
  }
  // The others would have to be read from every stored VM.
  if (place?.kind !== 'trait') return null;
  const words = sql`select unnest(v.traits) as word from ${vmsAndProviders}`;
  const prefix = `${place.name}=`;
  return sql`select substr(word, ${prefix.length + 1}::integer) as value from (${words}) as words
    where starts_with(word, ${prefix}::text)`;
}

type Row = Omit<VmListItem, 'provider' | 'severity'> & {
  readonly providerId: string;
  readonly providerName: string;
  readonly providerType: ProviderType;
  readonly rank: number;
  readonly key: string | number;
  readonly total: number;
};

type Found = { readonly rows: readonly Row[]; readonly total: number };

/**
 * One look through all VMs, at the columns that filter and order need; counted, put in order, and only the rows of the page
 * are read whole. (A query for the page and one for the number would look through them twice; only where nothing is asked
 * for both are short, by their indexes.)
 */
async function readRows(
  db: Executor,
  search: Search,
  { limit, place, skip }: { readonly limit: number; readonly place: Place | null; readonly skip: number },
): Promise<Found> {
  const order = orderOf(search.sort);
  const isAll = search.filter.kind === 'and' && search.filter.of.length === 0;
  const after = place === null ? sql<boolean>`true` : order.after(place);
  const { rows } = await sql<Row>`
    with hits as ${isAll ? sql`not materialized` : sql`materialized`} (
      select v.object_id, ${order.at} as sort_key from ${searched}
      ${needsObject(search.filter) ? sql`join inventory_object o on o.id = v.object_id` : sql``}
      where ${conditionOf(search.filter)} ${search.provider === undefined ? sql`` : sql`and p.id = ${search.provider}::uuid`}
    ),
    page as (select h.* from hits h where ${after} order by ${order.by} limit ${limit} offset ${skip})
    select t.total, v.object_id as id, r.ref, r.name, p.id as "providerId", p.name as "providerName",
      p.type as "providerType", v.power, v.connection, v.template, v.host, v.cluster, v.folder, v.os, v.cpus,
      v.memory_bytes as "memoryBytes", v.disk_count as "diskCount", v.disk_bytes as "diskBytes",
      v.used_bytes as "usedBytes", v.nic_count as "nicCount", v.snapshot_count as "snapshotCount", v.networks,
      v.storages, v.macs, v.ips, v.tags, v.hostname, v.uuid, v.firmware, v.tools, v.severity as rank, v.concerns,
      h.sort_key as key
    from (select count(*) as total from hits) t
      left join (page h join ${vmsAndProviders} on v.object_id = h.object_id join inventory_object r on r.id = h.object_id)
        on true
    order by ${order.by}`.execute(db);
  return { total: rows[0]?.total ?? 0, rows: rows.filter(({ id }) => id !== null) };
}

function placeAt({ key, id }: Row): Place {
  return { value: key, id };
}

const severities = ['none', 'information', 'warning', 'critical'] as const;

function shown(all: Row): VmListItem {
  const { providerId, providerName, providerType, rank, key, total, ...row } = all;
  void [key, total]; // of the order and of the search, not of the VM
  const provider = { id: providerId, name: providerName, type: providerType };
  return { ...row, provider, severity: severities[rank] ?? 'none' };
}
