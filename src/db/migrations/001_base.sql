-- The installation, who may use it, and what happened. Ids are UUIDv7 made by us; times are this database's clock.
-- Secrets are never here: of passwords a salted hash (scrypt), of tokens a SHA-256 (they are random, 32 bytes).

create table installation (
  singleton boolean primary key default true check (singleton),
  id uuid not null,
  created_at timestamptz not null default now(),
  key_id text not null -- which key file encrypts the secrets of this installation
);

create table user_account (
  id uuid primary key,
  name text not null check (length(name) between 1 and 100),
  role text not null check (role in ('viewer', 'operator', 'planner', 'administrator')),
  password_hash text not null, -- scrypt$N$r$p$salt$hash
  disabled boolean not null default false,
  created_at timestamptz not null default now()
);
create unique index user_account_name on user_account (lower(name));

create table session (
  id uuid primary key,
  user_id uuid not null references user_account on delete cascade,
  hash bytea not null unique,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index session_expires_at on session (expires_at);

create table api_token (
  id uuid primary key,
  name text not null check (length(name) between 1 and 100),
  role text not null check (role in ('viewer', 'operator', 'planner', 'administrator')),
  prefix text not null, -- the first characters, so that a person can tell which one it is
  hash bytea not null unique,
  created_by text not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz
);

create table worker_token (
  id uuid primary key,
  name text not null check (length(name) between 1 and 100),
  prefix text not null,
  hash bytea not null unique,
  created_by text not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz
);

create table setup_token (
  id uuid primary key,
  hash bytea not null unique,
  created_at timestamptz not null default now(),
  used_at timestamptz
);

-- The answer to a POST, for 24 hours: the same request sent again gets it again. `status` is null while it is worked on.
create table idempotency_key (
  actor text not null,
  key text not null check (length(key) between 1 and 200),
  request_hash bytea not null, -- method, path and body
  status smallint,
  response jsonb,
  created_at timestamptz not null default now(),
  primary key (actor, key)
);
create index idempotency_key_created_at on idempotency_key (created_at);

-- What happened, for people: code and parameters, never text. Append only; the trigger holds even against our own mistakes.
create table event (
  id uuid primary key,
  time timestamptz not null default now(),
  actor text not null,
  code text not null,
  params jsonb not null,
  severity text not null check (severity in ('information', 'warning', 'error', 'critical')),
  migration_id uuid,
  vm_migration_id uuid
);
create index event_migration_id on event (migration_id, id) where migration_id is not null;
create index event_vm_migration_id on event (vm_migration_id, id) where vm_migration_id is not null;

create function event_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'events are append only';
end $$;
create trigger event_is_append_only before update or truncate on event
  for each statement execute function event_is_append_only();

create table setting (
  name text primary key,
  value jsonb not null,
  changed_at timestamptz not null default now()
);
