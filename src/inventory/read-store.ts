/** What is in a provider, read for the API. */
import { sql } from 'kysely';
import type { RuleSet } from '../concerns/rules.ts';
import { shownConcerns } from '../concerns/shown.ts';
import type { Concern } from '../model/concern.ts';
import type { Db, Executor } from '../db/db.ts';
import { WherryError } from '../model/errors.ts';
import type { InventoryKind, InventoryObject, InventoryVm } from '../model/inventory.ts';
import type { ProviderType } from '../model/provider.ts';
import { shown } from '../model/shown-error.ts';
import type { InventoryVmView, ObjectPage, ObjectView, TreeNode, UnreadableView } from './api.ts';
import { markGone, type Place, putObjects } from './object-store.ts';
import { iso } from './provider-view-store.ts';
import { type TreeRow, treeOf } from './tree.ts';

/** @throws provider.not_found */
async function systemOf(db: Executor, providerId: string): Promise<string | null> {
  const row = await db
    .selectFrom('provider')
    .select('system_id')
    .where('id', '=', providerId)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  if (row === undefined) throw new WherryError('provider.not_found', { provider: providerId });
  return row.system_id;
}

/** By id, which nothing changes: what is renamed between two pages is on one of them all the same. @param after the last id of the page before @throws provider.not_found */
export async function listObjects(
  db: Db,
  providerId: string,
  { kind, after, limit }: { readonly kind: InventoryKind; readonly after?: string; readonly limit: number },
): Promise<ObjectPage> {
  const systemId = await systemOf(db.kysely, providerId);
  if (systemId === null) return { items: [], next: null };
  const beyond = after === undefined ? sql`true` : sql`o.id > ${after}`;
  const { rows } = await sql<ObjectView>`
    select o.id, o.kind, o.ref, o.name, o.parent_ref as "parentRef", o.data from inventory_object o
    where o.system_id = ${systemId} and o.kind = ${kind} and o.gone_at is null and ${beyond}
    order by o.id limit ${limit + 1}`.execute(db.kysely);
  const items = rows.slice(0, limit);
  return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
}

/** @throws provider.not_found */
export async function readTree(db: Db, providerId: string): Promise<TreeNode[]> {
  const systemId = await systemOf(db.kysely, providerId);
  if (systemId === null) return [];
  const { rows } = await sql<TreeRow>`
    with places as (
      select o.parent_ref, o.data ->> 'hostRef' as host, o.data ->> 'clusterRef' as cluster
      from inventory_object o where o.system_id = ${systemId} and o.kind = 'vm' and o.gone_at is null),
    counts as (
      select ref, sum(n)::int as n from (
        select parent_ref as ref, count(*) as n from places group by 1
        union all select host, count(*) from places where host is distinct from parent_ref group by 1
        union all select cluster, count(*) from places where cluster is distinct from parent_ref group by 1
      ) c group by ref)
    select o.id, o.kind, o.ref, o.name, o.parent_ref as "parentRef", coalesce(c.n, 0) as vms
    from inventory_object o left join counts c on c.ref = o.ref
    where o.system_id = ${systemId} and o.gone_at is null
      and o.kind in ('datacenter', 'folder', 'cluster', 'host', 'resource-pool')`.execute(db.kysely);
  return treeOf(rows);
}

/** @throws provider.not_found */
export async function listUnreadable(db: Db, providerId: string): Promise<UnreadableView[]> {
  const systemId = await systemOf(db.kysely, providerId);
  if (systemId === null) return [];
  const rows = await db.kysely
    .selectFrom('inventory_unreadable')
    .select(['ref', 'name', 'error', 'seen_at'])
    .where('system_id', '=', systemId)
    .orderBy('name')
    .orderBy('ref')
    .limit(10_000)
    .execute();
  return rows.map(({ ref, name, error, seen_at }) => ({
    ref,
    name,
    error: shown(error),
    seenAt: seen_at.toISOString(),
  }));
}

type VmRow = {
  readonly id: string;
  readonly ref: string;
  readonly name: string;
  readonly parent_ref: string | null;
  readonly data: InventoryVm;
  readonly concern_list: Concern[] | null;
  readonly first_seen_at: Date;
  readonly changed_at: Date;
  readonly gone_at: Date | null;
  readonly provider_id: string | null;
  readonly provider_name: string | null;
  readonly type: ProviderType;
};

/** @throws provider.object_not_found */
export async function readInventoryVm(db: Db, id: string, rules: RuleSet): Promise<InventoryVmView> {
  const { rows } = await sql<VmRow>`
    select o.*, v.concern_list, p.id as provider_id, p.name as provider_name, s.type
    from inventory_object o
    join source_system s on s.id = o.system_id
    left join inventory_vm v on v.object_id = o.id
    left join provider p on p.system_id = o.system_id and p.removed_at is null
    where o.id = ${id} and o.kind = 'vm'`.execute(db.kysely);
  const [row] = rows;
  if (row === undefined) throw new WherryError('provider.object_not_found', { kind: 'VM', ref: id });
  const { provider_id: providerId, provider_name: name, type } = row;
  return {
    id: row.id,
    ref: row.ref,
    name: row.name,
    parentRef: row.parent_ref,
    provider: providerId === null || name === null ? null : { id: providerId, name, type },
    vm: row.data,
    concerns: shownConcerns(row.concern_list ?? [], rules),
    detailError: null,
    firstSeenAt: row.first_seen_at.toISOString(),
    changedAt: row.changed_at.toISOString(),
    goneAt: iso(row.gone_at),
  };
}

/**
 * A VM of which no more than a summary was known, and that was read by itself; null when it is gone. Nothing is stored when
 * the provider was removed meanwhile, nor when its watch has told of the VM: what that has seen since is newer.
 */
export async function keepVm(
  db: Db,
  { id, provider }: Pick<InventoryVmView, 'id' | 'provider'>,
  vm: InventoryObject | null,
  rules: RuleSet,
): Promise<void> {
  await db.transaction(async (tx) => {
    const row = await tx
      .selectFrom('provider')
      .select(['system_id', 'type', 'snapshot_token', 'state'])
      .where('id', '=', provider?.id ?? id)
      .where('removed_at', 'is', null)
      .forUpdate()
      .executeTakeFirst();
    if (row?.system_id === undefined || row.system_id === null) return;
    const { rows } = await sql<{ system_id: string }>`
      select system_id from inventory_object
      where id = ${id} and gone_at is null and data ->> 'detail' = 'summary'`.execute(tx);
    if (rows[0]?.system_id !== row.system_id) return; // or the provider is another system since
    const { system_id: systemId, type, snapshot_token: snapshotToken, state } = row;
    const place: Place = { systemId, type, snapshotToken, reading: state === 'reading', rules };
    if (vm === null) await markGone(tx, [id]);
    else await putObjects(tx, place, [vm]);
  });
}
