-- Bandwidth limits, how fast copies went, and what an applied conversion made of a target copy's digests.

-- Over all copies together that a migration, worker, provider or host has under way.
create table bandwidth_limit (
  scope text not null constraint bandwidth_limit_scope check (scope in ('migration', 'worker', 'provider', 'host')),
  -- Of a migration, worker or provider its id; of a host its name in lower case.
  id text not null check (length(id) between 1 and 255),
  bytes_per_second bigint not null check (bytes_per_second > 0),
  set_by text not null,
  set_at timestamptz not null default now(),
  primary key (scope, id)
);

-- The rate of each copy over time: a bounded history per attempt and disk, kept after the end.
create table copy_rate (
  vm_migration_id uuid not null references vm_migration,
  token uuid not null references attempt,
  disk_id text not null,
  began_at timestamptz not null,
  -- [[seconds since it began, bytes per second], …], at most 120.
  samples jsonb not null,
  -- Shares of its time: what it waited for.
  waited jsonb,
  primary key (token, disk_id)
);
create index copy_rate_by_vm_migration on copy_rate (vm_migration_id, token);

-- Digests of chunks as the conversion left them, beside those of the source (copy_chunk). They count once the attempt that
-- told them has succeeded, and as long as no later attempt copies the chunk again.
create table applied_chunk (
  target_copy_id uuid not null references target_copy,
  disk_id text not null,
  chunk integer not null check (chunk >= 0),
  token uuid not null,
  digest bytea not null check (length(digest) = 32),
  primary key (target_copy_id, disk_id, chunk, token)
);
