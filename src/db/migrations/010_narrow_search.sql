-- What a search looks through: a narrow copy of inventory_vm, so that a look at each of 50,000 VMs stays within some 20 ms.
-- Triggers keep it, a statement at a time, whoever writes. All text is folded (A to Z are a to z) and ordered by its bytes.

-- Lists with few different values over all VMs (their traits, tags, networks, …), each kept once: a filter asks these few
-- hundred, and of a VM only which one it has. `id` is made of kind and words, so that nobody has to ask for it. Who
-- writes a VM counts on those that are there: what no VM has is taken away under a lock alone (sweep-store.ts).
create table inventory_set (
  kind text not null check (kind in ('traits', 'concerns', 'tags', 'networks', 'storages')),
  id uuid not null,
  words text[] not null,
  primary key (kind, id)
);

create table inventory_search (
  -- Without references: the triggers see to it, and each would be looked up again with every row.
  object_id uuid primary key,
  system_id uuid not null,
  memory_bytes bigint not null,
  disk_bytes bigint not null,
  cpus integer not null,
  disk_count integer not null,
  snapshot_count integer not null,
  nic_count integer not null,
  -- Of inventory_set.
  traits uuid not null,
  concerns uuid not null,
  tags uuid not null,
  networks uuid not null,
  storages uuid not null,
  severity smallint not null,
  template boolean not null,
  secure_boot boolean not null,
  name text collate "C" not null,
  power text collate "C" not null,
  connection text collate "C" not null,
  tools text collate "C" not null,
  folder text collate "C" not null,
  os text collate "C" not null,
  hardware_version text collate "C" not null,
  host text collate "C",
  cluster text collate "C",
  firmware text collate "C",
  hostname text collate "C",
  uuid text collate "C",
  change_tracking boolean,
  used_bytes bigint,
  disk_sizes bigint[] not null,
  -- All of a VM in one text, to leave out quickly what cannot be meant; which it is stands in inventory_vm.
  ips text collate "C" not null,
  macs text collate "C" not null
) with (fillfactor = 90);

-- Nested loops would compare each row with each list.
create function inventory_search_put() returns trigger language plpgsql set enable_nestloop = off as $$
begin
  with lists as materialized (
    select l.kind, l.words, lower(l.words::text collate "C") as folded
    from (select distinct a.kind, a.words from news n cross join lateral (values
      ('traits', n.traits), ('concerns', n.concerns), ('tags', n.tags),
      ('networks', n.networks), ('storages', n.storages)) as a(kind, words)) l
  ),
  sets as materialized (
    select kind, words, folded,
      encode(substring(sha256(convert_to(kind || folded, 'UTF8')) for 16), 'hex')::uuid as id
    from lists
  ),
  kept as (
    -- In one order, so that two who write at once do not wait for each other.
    insert into inventory_set (kind, id, words)
    select distinct on (kind, id) kind, id, folded::text[] from sets order by kind, id
    on conflict do nothing
  )
  insert into inventory_search as s
  select n.object_id, n.system_id, n.memory_bytes, n.disk_bytes, n.cpus, n.disk_count, n.snapshot_count, n.nic_count,
    traits.id, concerns.id, tags.id, networks.id, storages.id, n.severity, n.template, n.secure_boot,
    lower(n.name collate "C"), lower(n.power collate "C"), lower(n.connection collate "C"), lower(n.tools collate "C"),
    lower(n.folder collate "C"), lower(n.os collate "C"), n.hardware_version, lower(n.host collate "C"),
    lower(n.cluster collate "C"), lower(n.firmware collate "C"), lower(n.hostname collate "C"), lower(n.uuid collate "C"),
    n.change_tracking, n.used_bytes, n.disk_sizes,
    lower(array_to_string(n.ips, ' ') collate "C"), lower(array_to_string(n.macs, ' ') collate "C")
  from news n
    join sets traits on traits.kind = 'traits' and traits.words = n.traits
    join sets concerns on concerns.kind = 'concerns' and concerns.words = n.concerns
    join sets tags on tags.kind = 'tags' and tags.words = n.tags
    join sets networks on networks.kind = 'networks' and networks.words = n.networks
    join sets storages on storages.kind = 'storages' and storages.words = n.storages
  on conflict (object_id) do update set
    system_id = excluded.system_id, memory_bytes = excluded.memory_bytes, disk_bytes = excluded.disk_bytes,
    cpus = excluded.cpus, disk_count = excluded.disk_count, snapshot_count = excluded.snapshot_count,
    nic_count = excluded.nic_count, traits = excluded.traits, concerns = excluded.concerns, tags = excluded.tags,
    networks = excluded.networks, storages = excluded.storages, severity = excluded.severity,
    template = excluded.template, secure_boot = excluded.secure_boot, name = excluded.name, power = excluded.power,
    connection = excluded.connection, tools = excluded.tools, folder = excluded.folder, os = excluded.os,
    hardware_version = excluded.hardware_version, host = excluded.host, cluster = excluded.cluster,
    firmware = excluded.firmware, hostname = excluded.hostname, uuid = excluded.uuid,
    change_tracking = excluded.change_tracking, used_bytes = excluded.used_bytes, disk_sizes = excluded.disk_sizes,
    ips = excluded.ips, macs = excluded.macs
  where (s.*) is distinct from (excluded.*);
  return null;
end $$;

create function inventory_search_drop() returns trigger language plpgsql as $$
begin
  delete from inventory_search where object_id in (select object_id from gone);
  return null;
end $$;

create trigger inventory_search_insert after insert on inventory_vm
  referencing new table as news for each statement execute function inventory_search_put();
create trigger inventory_search_update after update on inventory_vm
  referencing new table as news for each statement execute function inventory_search_put();
create trigger inventory_search_delete after delete on inventory_vm
  referencing old table as gone for each statement execute function inventory_search_drop();

-- What is there already; this writes nothing but the copy.
update inventory_vm set rules_version = rules_version;

-- The order of lists. Its predecessors on the wide table are asked by nobody now.
create index inventory_search_by_name on inventory_search (name, object_id);
-- How many there are, and how many of each severity.
create index inventory_search_by_severity on inventory_search (system_id, severity);
drop index inventory_vm_by_name;
drop index inventory_vm_by_folded_name;
drop index inventory_vm_by_system;
drop index inventory_vm_by_severity;
-- Looked up with every row, and its object has the same.
alter table inventory_vm drop constraint inventory_vm_system_id_fkey;
analyze inventory_search;
analyze inventory_set;
