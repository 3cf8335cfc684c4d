/** What rules look at beside a VM: its host, its cluster, the storages of its disks, who else has its disks. */
import { sql } from 'kysely';
import type { ConcernContext, VmObject } from '../concerns/context.ts';
import type { Tx } from '../db/db.ts';
import type { InventoryCluster, InventoryHost, InventoryStorage } from '../model/inventory.ts';
import type { ProviderType } from '../model/provider.ts';
import { diskPathsOf } from './search/traits.ts';

export type Surroundings = {
  readonly hosts: ReadonlyMap<string, InventoryHost>;
  readonly clusters: ReadonlyMap<string, InventoryCluster>;
  readonly storages: ReadonlyMap<string, InventoryStorage>;
  /** Path of a disk → the VMs that have it. */
  readonly paths: ReadonlyMap<string, ReadonlyMap<string, string>>;
};

type Vm = { readonly vm: VmObject; readonly id: string };

export async function readSurroundings(
  tx: Tx,
  { systemId, reading }: { readonly systemId: string; readonly reading?: boolean },
  vms: readonly Vm[],
): Promise<Surroundings> {
  const refs = vms.flatMap(({ vm: { data } }) => [
    data.hostRef,
    data.clusterRef,
    ...data.disks.map((d) => d.storageRef),
  ]);
  const wanted = [...new Set(refs.filter((ref) => ref !== null))];
  // Kind by kind, as each has few beside the VMs; whatever PostgreSQL takes the number of those that are gone for.
  const { rows } = await sql<{ kind: string; ref: string; data: unknown }>`
    select k.kind, o.ref, o.data from (values ('host'), ('cluster'), ('storage')) as k(kind) cross join lateral (
      select ref, data, gone_at from inventory_object
      where system_id = ${systemId} and kind = k.kind and ref = any(${wanted}::text[]) offset 0) o
    where o.gone_at is null`.execute(tx);
  const of = <T>(kind: string): Map<string, T> =>
    new Map(rows.filter((row) => row.kind === kind).map(({ ref, data }) => [ref, data as T]));
  return {
    hosts: of('host'),
    clusters: of('cluster'),
    storages: of('storage'),
    // In a read from the beginning this is looked at once, at its end: concern-store.ts.
    paths: reading === true ? new Map() : await readPaths(tx, systemId, vms),
  };
}

async function readPaths(tx: Tx, systemId: string, vms: readonly Vm[]): Promise<Surroundings['paths']> {
  const paths = new Map<string, Map<string, string>>();
  const add = (path: string, id: string, name: string): void => {
    const users = paths.get(path) ?? new Map<string, string>();
    paths.set(path, users.set(id, name));
  };
  const own = new Set(vms.flatMap(({ vm }) => diskPathsOf(vm.data)));
  const { rows } = await sql<{ id: string; name: string; disk_paths: string[] }>`
    select object_id as id, name, disk_paths from inventory_vm
    where system_id = ${systemId} and disk_paths && ${[...own]}::text[]`.execute(tx);
  const ids = new Set(vms.map(({ id }) => id));
  for (const row of rows.filter(({ id }) => !ids.has(id)))
    for (const path of row.disk_paths) add(path, row.id, row.name);
  for (const { vm, id } of vms) for (const path of diskPathsOf(vm.data)) add(path, id, vm.name);
  return paths;
}

export function contextOf(vm: VmObject, id: string, type: ProviderType, around: Surroundings): ConcernContext {
  const { data } = vm;
  const sharedWith = new Map<string, string[]>();
  for (const { id: diskId, path } of data.disks) {
    const users = path === null ? [] : [...(around.paths.get(path) ?? [])];
    const others = users.filter(([user]) => user !== id).map(([, name]) => name);
    if (others.length > 0) sharedWith.set(diskId, others);
  }
  return {
    type,
    host: data.hostRef === null ? null : (around.hosts.get(data.hostRef) ?? null),
    clusterFacts: data.clusterRef === null ? null : (around.clusters.get(data.clusterRef)?.facts ?? null),
    storages: around.storages,
    sharedWith,
  };
}
