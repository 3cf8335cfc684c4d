/** Stored concerns, looked for again when rules changed, or what is around a VM did. */
import { sql } from 'kysely';
import { concernsOf } from '../concerns/concerns-of.ts';
import type { VmObject } from '../concerns/context.ts';
import type { RuleSet } from '../concerns/rules.ts';
import { type Db, type Executor, json, type Tx } from '../db/db.ts';
import type { Concern } from '../model/concern.ts';
import type { InventoryVm } from '../model/inventory.ts';
import type { ProviderType } from '../model/provider.ts';
import { contextOf, readSurroundings } from './context-store.ts';
import { severityOf } from './vm-row.ts';

/** How many VMs have what now, by the id of the rule. */
export async function countConcerns(db: Executor): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ code: string; count: number }>`
    select c.code, count(*) as count
    from inventory_vm v join provider p on p.system_id = v.system_id and p.removed_at is null
      cross join unnest(v.concerns) as c(code)
    group by c.code`.execute(db);
  return new Map(rows.map(({ code, count }) => [code, count]));
}

type Row = {
  readonly id: string;
  readonly system_id: string;
  readonly type: ProviderType;
  readonly ref: string;
  readonly name: string;
  readonly data: InventoryVm;
  readonly concern_list: readonly Concern[];
  readonly rules_version: string;
};

/** VMs that were judged by other rules: judges at most `limit` of them. @returns how many */
export async function judgeStale(db: Db, rules: RuleSet, limit: number): Promise<number> {
  return db.transaction(async (tx) => {
    const { rows } = await sql<{ id: string }>`
      select object_id as id from inventory_vm
      where rules_version < ${rules.version} or rules_version > ${rules.version}
      limit ${limit} for update skip locked`.execute(tx);
    await judge(
      tx,
      rules,
      rows.map(({ id }) => id),
    );
    return rows.length;
  });
}

/** @returns how many of them are judged differently now */
export async function judgeVms(db: Db, rules: RuleSet, ids: readonly string[]): Promise<number> {
  return db.transaction((tx) => judge(tx, rules, ids));
}

async function judge(tx: Tx, rules: RuleSet, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  // What is being written just now is judged by who writes it.
  const { rows } = await sql<Row>`
    select v.object_id as id, v.system_id, s.type, o.ref, o.name, o.data, v.concern_list, v.rules_version
    from inventory_vm v
      join inventory_object o on o.id = v.object_id
      join source_system s on s.id = v.system_id
    where v.object_id = any(${ids}::uuid[])
    for update of v skip locked`.execute(tx);
  const changed: object[] = [];
  let different = 0;
  for (const [systemId, vms] of Map.groupBy(rows, (row) => row.system_id)) {
    const objects = vms.map((row) => ({ row, id: row.id, vm: objectOf(row) }));
    const around = await readSurroundings(tx, { systemId, reading: false }, objects);
    for (const { row, id, vm } of objects) {
      const concerns = concernsOf(vm, contextOf(vm, id, row.type, around), rules);
      const isSame = JSON.stringify(inOrder(concerns)) === JSON.stringify(inOrder(row.concern_list));
      if (!isSame) different += 1;
      if (isSame && row.rules_version === rules.version) continue;
      const codes = [...new Set(concerns.map(({ code }) => code))];
      changed.push({ id, concerns: codes, severity: severityOf(concerns), concern_list: concerns });
    }
  }
  if (changed.length > 0) {
    await sql`
      update inventory_vm v set concerns = r.concerns, severity = r.severity, concern_list = r.concern_list,
        rules_version = ${rules.version}
      from jsonb_to_recordset(${json(changed)}) as r(id uuid, concerns text[], severity smallint, concern_list jsonb)
      where v.object_id = r.id`.execute(tx);
  }
  return different;
}

function objectOf({ ref, name, data }: Row): VmObject {
  return { kind: 'vm', ref, name, stableId: null, parentRef: null, data };
}

/** jsonb orders keys by itself. */
function inOrder(concerns: readonly Concern[]): unknown[] {
  return concerns.map(({ code, severity, params }) => [
    code,
    severity,
    Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
}

/** Something that VMs' concerns depend on: a host, cluster or storage, or a VM, which may have another one's disk. */
export type Change = { readonly id: string; readonly isVm: boolean; readonly at: string };

/**
 * Not the VMs of a system that is being read from the beginning: whose disks they share is looked for at its end, once
 * (object-store.ts). A read that breaks off is begun anew.
 * @param since ISO 8601
 */
export async function findChanges(db: Executor, since: string): Promise<Change[]> {
  const { rows } = await sql<Change>`
    with reading as materialized (
      select system_id from provider where state = 'reading' and removed_at is null and system_id is not null)
    select id, kind = 'vm' as "isVm", changed_at::text as at from inventory_object
    where changed_at > ${since}::timestamptz and (kind in ('host', 'cluster', 'storage')
      or (kind = 'vm' and system_id not in (select system_id from reading)))`.execute(db);
  return rows;
}

/** Of so many changed VMs the disks are looked up one by one; of more, all disks of the system are looked through once. */
const fewVms = 200;

/**
 * VMs whose surroundings these are. A VM that was itself written later is not among them: batches of a system come one
 * after the other, so it was judged with what is here.
 */
export async function findAffected(db: Executor, changes: readonly Change[]): Promise<string[]> {
  const idsOf = (isVm: boolean): string[] => changes.filter((one) => one.isVm === isVm).map(({ id }) => id);
  const [places, vms] = [idsOf(false), idsOf(true)];
  const found = new Set<string>();
  if (places.length > 0) for (const id of await vmsAround(db, places)) found.add(id);
  if (vms.length > 0) for (const id of await sharing(db, vms)) found.add(id);
  return [...found];
}

/** Each kind by a join of its own, which is hashed: one with "or" would compare each place with each VM. */
async function vmsAround(db: Executor, places: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with place as materialized (
      select system_id, kind, name, max(changed_at) as changed_at from inventory_object
      where id = any(${places}::uuid[]) group by system_id, kind, name
    ), hit as (
      select v.object_id as id, p.changed_at from inventory_vm v
        join place p on p.kind = 'host' and p.system_id = v.system_id and p.name = v.host
      union all
      select v.object_id, p.changed_at from inventory_vm v
        join place p on p.kind = 'cluster' and p.system_id = v.system_id and p.name = v.cluster
      union all
      select v.object_id, p.changed_at from inventory_vm v cross join unnest(v.storages) as s(name)
        join place p on p.kind = 'storage' and p.system_id = v.system_id and p.name = s.name
    ), newest as (select id, max(changed_at) as changed_at from hit group by id)
    select n.id from newest n join inventory_object o on o.id = n.id and o.changed_at <= n.changed_at`.execute(db);
  return rows.map(({ id }) => id);
}

async function sharing(db: Executor, vms: readonly string[]): Promise<string[]> {
  const query =
    vms.length <= fewVms
      ? sql<{ id: string }>`
        select distinct v.object_id as id from inventory_vm a
          join inventory_vm v on v.system_id = a.system_id and v.disk_paths && a.disk_paths and v.object_id <> a.object_id
        where a.object_id = any(${vms}::uuid[]) and a.disk_paths <> '{}'`
      : sql<{ id: string }>`
        with disk as materialized (
          select v.system_id, v.object_id, d.path from inventory_vm v cross join unnest(v.disk_paths) as d(path)
          where v.system_id in (select system_id from inventory_vm where object_id = any(${vms}::uuid[]))
        ), shared as (select system_id, path from disk group by system_id, path having count(*) > 1)
        select distinct object_id as id from disk join shared using (system_id, path)`;
  return (await query.execute(db)).rows.map(({ id }) => id);
}

const judged = 'concerns.judged';

/** Up to when all that changed around VMs was judged, ISO 8601; the beginning of time where nobody has said. */
export async function judgedUntil(db: Executor): Promise<string> {
  const row = await db.selectFrom('setting').select('value').where('name', '=', judged).executeTakeFirst();
  return typeof row?.value === 'string' ? row.value : new Date(0).toISOString();
}

/** Never goes back: another server may be further. What a crash of the database forgets of it is only looked at again. */
export async function keepJudged(db: Db, until: string): Promise<void> {
  await db.transaction(async (tx) => {
    await sql`set local synchronous_commit = off`.execute(tx);
    await sql`
      insert into setting as s (name, value) values (${judged}, ${json(until)})
      on conflict (name) do update set value = excluded.value, changed_at = now()
        where (s.value #>> '{}') collate "C" < (excluded.value #>> '{}') collate "C"`.execute(tx);
  });
}

/** The database's clock. */
export async function databaseNow(db: Executor): Promise<string> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
  return (rows[0]?.now ?? new Date(0)).toISOString();
}
