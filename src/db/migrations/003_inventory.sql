-- Providers and what is in them. A system that was seen once is remembered for good (`source_system`): its objects keep
-- their ids when its provider is removed and added again, and whatever refers to them is bound anew by that alone.

create table source_system (
  id uuid primary key,
  type text not null,
  -- What the system calls itself: a vCenter's instance UUID, a libvirt host's UUID and driver, a store's location.
  stable_id text not null,
  created_at timestamptz not null default now(),
  unique (type, stable_id)
);

create table provider (
  id uuid primary key,
  name text not null check (length(name) between 1 and 100),
  type text not null,
  account jsonb not null,
  -- Which worker reads it; null: whichever the server chooses.
  via uuid references worker,
  -- Null until it was connected to once.
  system_id uuid references source_system,
  state text not null default 'new' constraint provider_state check (state in
    ('new', 'connecting', 'reading', 'following', 'retrying', 'stopped')),
  error jsonb,
  retry_at timestamptz,
  product text not null default '',
  version text not null default '',
  -- The last check, as its rows were; jsonb of CheckResult.
  last_check jsonb,
  last_check_at timestamptz,
  -- The watch that counts: a batch with another token is refused.
  watch_token uuid not null,
  watch_worker uuid references worker,
  watch_sequence bigint not null default 0,
  -- The full read that goes on, or the last one; what carries another one afterwards was not named by it.
  snapshot_token uuid,
  snapshot_started_at timestamptz,
  synced_at timestamptz,
  news_at timestamptz,
  created_by text not null,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  -- A tombstone: removed providers stay for history, their name is free again.
  removed_at timestamptz
);
create unique index provider_name on provider (lower(name)) where removed_at is null;
create unique index provider_of_system on provider (system_id) where removed_at is null;

-- AES-256-GCM, the key's id in the text; the key is a file beside the database.
create table provider_secret (
  provider_id uuid not null references provider on delete cascade,
  name text not null,
  sealed text not null,
  changed_at timestamptz not null default now(),
  primary key (provider_id, name)
);

create table inventory_object (
  id uuid primary key,
  system_id uuid not null references source_system,
  kind text not null,
  -- The stable id, else the ref; unique within system and kind.
  identity text not null,
  ref text not null,
  name text not null,
  parent_ref text,
  data jsonb not null,
  -- `provider.snapshot_token` when it was last named, to find what a full read did not name.
  snapshot_token uuid,
  first_seen_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  -- Set when the source no longer has it; the row stays, because others may refer to it.
  gone_at timestamptz,
  unique (system_id, kind, identity)
);
create index inventory_object_by_ref on inventory_object (system_id, kind, ref);
-- Counts by kind.
create index inventory_object_alive on inventory_object (system_id, kind) where gone_at is null;
create index inventory_object_by_parent on inventory_object (system_id, parent_ref) where gone_at is null;

-- What filters ask of a VM, narrow, so that a look through tens of thousands stays short. Written with the object.
create table inventory_vm (
  object_id uuid primary key references inventory_object on delete cascade,
  system_id uuid not null references source_system,
  name text not null,
  power text not null,
  connection text not null,
  template boolean not null,
  host text,
  cluster text,
  folder text not null,
  os text not null,
  cpus integer not null,
  memory_bytes bigint not null,
  firmware text,
  secure_boot boolean not null,
  tools text not null,
  hostname text,
  change_tracking boolean,
  uuid text,
  hardware_version text not null,
  disk_count integer not null,
  disk_bytes bigint not null,
  used_bytes bigint,
  snapshot_count integer not null,
  nic_count integer not null,
  disk_sizes bigint[] not null,
  networks text[] not null,
  storages text[] not null,
  macs text[] not null,
  ips text[] not null,
  tags text[] not null,
  -- Ids of its concerns, and the worst of them: 0 none, 1 information, 2 warning, 3 critical.
  concerns text[] not null,
  severity smallint not null,
  concern_list jsonb not null default '[]',
  rules_version text not null default ''
);
create index inventory_vm_by_severity on inventory_vm (system_id, severity);
create index inventory_vm_by_system on inventory_vm (system_id, name);
create index inventory_vm_by_name on inventory_vm (name, object_id);

-- Listed although it cannot be read, with the reason.
create table inventory_unreadable (
  system_id uuid not null references source_system,
  ref text not null,
  name text not null,
  error jsonb not null,
  seen_at timestamptz not null default now(),
  primary key (system_id, ref)
);

create table saved_filter (
  id uuid primary key,
  name text not null check (length(name) between 1 and 100),
  filter text not null check (length(filter) <= 4000),
  owner text not null,
  shared boolean not null default false,
  created_at timestamptz not null default now()
);
create unique index saved_filter_name on saved_filter (owner, lower(name));

-- Secrets that go to a worker with one question, of a source that is not saved; they go with the question.
alter table worker_call add column sealed_secrets text;
