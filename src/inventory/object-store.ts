/** Objects of a system, written in bulk: a batch is a few statements, however many objects it has. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import type { VmObject } from '../concerns/context.ts';
import { json, type Tx } from '../db/db.ts';
import { recordset } from '../db/recordset.ts';
import type { StoredError } from '../model/errors.ts';
import type { InventoryObject, InventoryVm, Unreadable } from '../model/inventory.ts';
import type { ProviderType } from '../model/provider.ts';
import type { RuleSet } from '../concerns/rules.ts';
import { bind, type Bound, identityOf, type Known, keyOf } from './bind.ts';
import { contextOf, readSurroundings } from './context-store.ts';
import { merged } from './merge.ts';
import { vmColumns, vmRow } from './vm-row.ts';

/** What is written to, and under which full read. */
export type Place = {
  readonly systemId: string;
  readonly type: ProviderType;
  /** Of the full read that goes on, or of the last one. */
  readonly snapshotToken: string | null;
  readonly reading: boolean;
  readonly rules: RuleSet;
};

export type Ref = { readonly kind: string; readonly ref: string };

/** Indexes hold at most some 2,700 bytes. Real refs have tens, paths hundreds. */
const longestRefBytes = 1_200;

/** @param leaving what the same batch says is gone */
export async function putObjects(
  tx: Tx,
  place: Place,
  given: readonly InventoryObject[],
  leaving: readonly Ref[] = [],
): Promise<void> {
  const once = [...new Map(given.map((object) => [keyOf(object.kind, object.ref), object])).values()];
  const objects = once.filter(isStorable);
  if (objects.length < once.length)
    await putUnreadable(tx, place, once.filter((object) => !isStorable(object)).map(tooLong));
  if (objects.length === 0) return;
  const known = await readKnown(tx, place, objects);
  const { bound, displaced } = bind(objects, known, {
    reading: place.reading,
    leaving: new Set(leaving.map(({ kind, ref }) => keyOf(kind, ref))),
  });
  await markGone(tx, displaced);
  await write(tx, place, await withKnownDetail(tx, place, bound));
  await sql`delete from inventory_unreadable
    where system_id = ${place.systemId} and ref = any(${objects.map(({ ref }) => ref)}::text[])`.execute(tx);
}

async function readKnown(tx: Tx, place: Place, objects: readonly InventoryObject[]): Promise<Known[]> {
  const refs = objects.map(({ ref }) => ref);
  const identities = objects.map(identityOf);
  // As queries of their own: values that are there while it plans are each compared with the statistics.
  const { rows } = await sql<Known>`
    select id, kind, identity, ref, gone_at is not null as gone,
      coalesce(snapshot_token = ${place.snapshotToken}::uuid, false) as named
    from inventory_object
    where system_id = ${place.systemId} and kind = any(${[...new Set(objects.map(({ kind }) => kind))]}::text[])
      and (identity = any(array(select unnest(${identities}::text[]))) or ref = any(array(select unnest(${refs}::text[]))))
    for update`.execute(tx);
  return rows;
}

type BoundObject = Bound<InventoryObject>;

/** While all is read anew, a summary does not take away what was known in full. */
async function withKnownDetail(tx: Tx, place: Place, bound: readonly BoundObject[]): Promise<readonly BoundObject[]> {
  const summaries = bound.flatMap(({ object, id }) =>
    object.kind === 'vm' && object.data.detail === 'summary' ? [id] : [],
  );
  if (!place.reading || summaries.length === 0) return bound;
  const { rows } = await sql<{ id: string; data: InventoryVm }>`
    select id, data from inventory_object where id = any(${summaries}::uuid[]) and data ->> 'detail' = 'full'`.execute(
    tx,
  );
  const stored = new Map(rows.map(({ id, data }) => [id, data]));
  return bound.map((one) => {
    const before = stored.get(one.id);
    if (before === undefined || one.object.kind !== 'vm') return one;
    return { ...one, object: { ...one.object, data: merged(before, one.object.data) } };
  });
}

const objectColumns = {
  id: 'uuid',
  kind: 'text',
  identity: 'text',
  ref: 'text',
  name: 'text',
  parent_ref: 'text',
  data: 'jsonb',
} as const;

async function writeObjects(tx: Tx, place: Place, bound: readonly BoundObject[]): Promise<void> {
  const given = bound.map(({ object: { kind, ref, name, parentRef, data }, id, identity }) => ({
    id,
    kind,
    identity,
    ref,
    name,
    parent_ref: parentRef,
    data,
  }));
  const { names, values, rows } = recordset(objectColumns, given);
  await sql`
    insert into inventory_object as o (${names}, system_id, snapshot_token)
    select ${values}, ${place.systemId}, ${place.snapshotToken}::uuid from ${rows}
    on conflict (id) do update set identity = excluded.identity, ref = excluded.ref, name = excluded.name,
      parent_ref = excluded.parent_ref, data = excluded.data, snapshot_token = excluded.snapshot_token, gone_at = null,
      changed_at = case when o.data = excluded.data and o.name = excluded.name and o.gone_at is null
        then o.changed_at else now() end`.execute(tx);
}

const assignments = sql.join(
  Object.keys(vmColumns)
    .filter((name) => name !== 'object_id')
    .map((name) => sql`${sql.ref(name)} = ${sql.ref(`excluded.${name}`)}`),
);

async function write(tx: Tx, place: Place, bound: readonly BoundObject[]): Promise<void> {
  const vms = bound.flatMap(({ object, id }) => (object.kind === 'vm' ? [{ vm: object as VmObject, id }] : []));
  if (vms.length === 0) return writeObjects(tx, place, bound);
  // Hosts, clusters and storages that come with them are part of what they are judged by.
  const areAlone = vms.length === bound.length;
  if (!areAlone) await writeObjects(tx, place, bound);
  const around = await readSurroundings(tx, place, vms);
  const writing = areAlone ? writeObjects(tx, place, bound) : undefined;
  // Thrown where it is awaited. They are judged while PostgreSQL writes: what was asked is on its way by then.
  writing?.catch(() => undefined);
  await setImmediate();
  const given = vms.map(({ vm, id }) =>
    vmRow(vm, { objectId: id, systemId: place.systemId }, contextOf(vm, id, place.type, around), place.rules),
  );
  const { names, values, rows } = recordset(vmColumns, given);
  const insert = sql`
    insert into inventory_vm (${names}) select ${values} from ${rows}
    on conflict (object_id) do update set ${assignments}`;
  await writing;
  await insert.execute(tx);
}

/** The rows stay, because others may refer to them; searches no longer find them. */
export async function markGone(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql`update inventory_object set gone_at = now() where id = any(${ids}::uuid[]) and gone_at is null`.execute(tx);
  await sql`delete from inventory_vm where object_id = any(${ids}::uuid[])`.execute(tx);
}

export async function takeGone(tx: Tx, { systemId }: Place, objects: readonly Ref[]): Promise<void> {
  if (objects.length === 0) return;
  const refs = objects.map(({ ref }) => ref);
  const { rows } = await sql<{ id: string }>`
    select o.id from inventory_object o
    join unnest(${objects.map(({ kind }) => kind)}::text[], ${refs}::text[]) as g(kind, ref)
      on g.kind = o.kind and g.ref = o.ref
    where o.system_id = ${systemId} and o.gone_at is null`.execute(tx);
  await markGone(
    tx,
    rows.map(({ id }) => id),
  );
  await sql`delete from inventory_unreadable where system_id = ${systemId} and ref = any(${refs}::text[])`.execute(tx);
}

/** The full read is complete: what it did not name is gone. */
export async function takeUnnamed(tx: Tx, place: Place, startedAt: Date): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select id from inventory_object where system_id = ${place.systemId} and gone_at is null
      and snapshot_token is distinct from ${place.snapshotToken}::uuid`.execute(tx);
  await markGone(
    tx,
    rows.map(({ id }) => id),
  );
  await markSharing(tx, place.systemId);
  await sql`delete from inventory_unreadable
    where system_id = ${place.systemId} and seen_at < ${startedAt.toISOString()}::timestamptz`.execute(tx);
}

/**
 * Those that have a disk that another VM has too: not known while VM after VM comes, so their concerns are looked for again
 * (concern-store.ts).
 */
async function markSharing(tx: Tx, systemId: string): Promise<void> {
  await sql`
    with shared as (
      select path from inventory_vm m, unnest(m.disk_paths) as path
      where m.system_id = ${systemId} group by path having count(*) > 1)
    update inventory_vm set rules_version = '' where object_id in (
      select m.object_id from inventory_vm m, unnest(m.disk_paths) as path
      where m.system_id = ${systemId} and path in (select path from shared))`.execute(tx);
}

export async function putUnreadable(tx: Tx, { systemId }: Place, objects: readonly Unreadable[]): Promise<void> {
  const rows = [...new Map(objects.map((one) => [one.ref, one])).values()].map(({ ref, name, ...error }) => ({
    ref: cut(ref),
    name: name.slice(0, 4096),
    error,
  }));
  await sql`
    insert into inventory_unreadable (system_id, ref, name, error, seen_at)
    select ${systemId}, r.ref, r.name, r.error, clock_timestamp()
    from jsonb_to_recordset(${json(rows)}) as r(ref text, name text, error jsonb)
    on conflict (system_id, ref) do update
      set name = excluded.name, error = excluded.error, seen_at = excluded.seen_at`.execute(tx);
}

function isStorable({ ref, parentRef }: InventoryObject): boolean {
  return Buffer.byteLength(ref) <= longestRefBytes && Buffer.byteLength(parentRef ?? '') <= longestRefBytes;
}

function tooLong({ ref, name }: InventoryObject): Unreadable {
  const error: StoredError = { code: 'provider.too_large', params: { system: name, what: 'its path' }, causes: [] };
  return { ref, name, ...error, params: { ...error.params }, causes: [] };
}

function cut(ref: string): string {
  if (Buffer.byteLength(ref) <= longestRefBytes) return ref;
  // Two that begin alike stay two.
  return `${ref.slice(0, 280).toWellFormed()}… ${createHash('sha256').update(ref).digest('hex').slice(0, 16)}`;
}
