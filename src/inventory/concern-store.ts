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

/**
 * VMs whose surroundings changed since: their host, cluster or storage, or another VM that has one of their disks.
 * @param since ISO 8601
 */
export async function findAffected(db: Executor, since: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with changed as (
      select id, system_id, kind, name from inventory_object
      where changed_at > ${since}::timestamptz and kind in ('host', 'cluster', 'storage', 'vm')
    )
    select v.object_id as id from inventory_vm v join changed c on c.system_id = v.system_id
      and ((c.kind = 'host' and c.name = v.host) or (c.kind = 'cluster' and c.name = v.cluster)
        or (c.kind = 'storage' and c.name = any(v.storages)))
    where c.kind <> 'vm'
    union
    select v.object_id from changed c
      join inventory_vm a on a.object_id = c.id and a.disk_paths <> '{}'
      join inventory_vm v on v.system_id = a.system_id and v.disk_paths && a.disk_paths and v.object_id <> a.object_id
    where c.kind = 'vm'`.execute(db);
  return rows.map(({ id }) => id);
}

/** The database's clock. */
export async function databaseNow(db: Executor): Promise<string> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
  return (rows[0]?.now ?? new Date(0)).toISOString();
}
