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

export type Search = {
  readonly filter: Filter;
  readonly provider?: string | undefined;
  readonly sort: Sort;
};

/**
 * One page and the number of all that are found; the two are asked for at once.
 * @throws search.page_unknown
 */
export async function searchVms(
  db: Db,
  search: Search,
  { limit, after }: { readonly limit: number; readonly after?: string | undefined },
): Promise<VmPage> {
  const place = after === undefined ? null : placeOf(after, search.sort);
  const [rows, total] = await Promise.all([readRows(db.kysely, search, limit + 1, place), countVms(db.kysely, search)]);
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const next = rows.length > limit && last !== undefined ? cursorOf(search.sort, placeAt(last)) : null;
  return { items: items.map(shown), total, next };
}

const exportedAtOnce = 1_000;

/** All that are found, page by page; each page is as the database is when it is read. */
export async function* exportVms(db: Db, search: Search): AsyncGenerator<VmListItem[]> {
  for (let place: Place | null = null; ; ) {
    const rows: Row[] = await readRows(db.kysely, search, exportedAtOnce, place);
    if (rows.length > 0) yield rows.map(shown);
    const last = rows.at(-1);
    if (last === undefined || rows.length < exportedAtOnce) return;
    place = placeAt(last);
  }
}

export async function countVms(db: Executor, search: Search): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) as count ${fromWhere(search)}`.execute(db);
  return rows[0]?.count ?? 0;
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
  const vms = sql`inventory_vm v join provider p on p.system_id = v.system_id and p.removed_at is null`;
  if (place?.kind === 'column') return sql`select (${place.at})::text as value from ${vms}`;
  if (place?.kind === 'array') return sql`select unnest(${place.at})::text as value from ${vms}`;
  // The others would have to be read from every stored VM.
  if (place?.kind !== 'trait') return null;
  const words = sql`select unnest(v.traits) as word from ${vms}`;
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
};

/** The object is joined to the rows of the page only: that is what keeps a page short. */
async function readRows(db: Executor, search: Search, limit: number, place: Place | null): Promise<Row[]> {
  const order = orderOf(search.sort);
  const { rows } = await sql<Row>`
    with page as (
      select v.*, p.id as provider_id, p.name as provider_name, p.type as provider_type, ${order.at} as sort_key
      ${fromWhere(search, place === null ? null : order.after(place))}
      order by ${order.by} limit ${limit}
    )
    select g.object_id as id, r.ref, r.name, g.provider_id as "providerId", g.provider_name as "providerName",
      g.provider_type as "providerType", g.power, g.connection, g.template, g.host, g.cluster, g.folder, g.os, g.cpus,
      g.memory_bytes as "memoryBytes", g.disk_count as "diskCount", g.disk_bytes as "diskBytes",
      g.used_bytes as "usedBytes", g.nic_count as "nicCount", g.snapshot_count as "snapshotCount", g.networks,
      g.storages, g.macs, g.ips, g.tags, g.hostname, g.uuid, g.firmware, g.tools, g.severity as rank, g.concerns,
      g.sort_key as key
    from page g join inventory_object r on r.id = g.object_id
    order by ${order.byKey}`.execute(db);
  return rows;
}

function fromWhere({ filter, provider }: Search, further: RawBuilder<boolean> | null = null): RawBuilder<unknown> {
  const objects = needsObject(filter) ? sql`join inventory_object o on o.id = v.object_id` : sql``;
  const conditions = [conditionOf(filter), further, provider === undefined ? null : sql`p.id = ${provider}::uuid`];
  return sql`from inventory_vm v
    join provider p on p.system_id = v.system_id and p.removed_at is null
    ${objects}
    where ${sql.join(
      conditions.filter((one) => one !== null),
      sql` and `,
    )}`;
}

function placeAt({ key, id }: Row): Place {
  return { value: key, id };
}

const severities = ['none', 'information', 'warning', 'critical'] as const;

function shown(all: Row): VmListItem {
  const { providerId, providerName, providerType, rank, key, ...row } = all;
  void key; // it is of the order, not of the VM
  const provider = { id: providerId, name: providerName, type: providerType };
  return { ...row, provider, severity: severities[rank] ?? 'none' };
}
