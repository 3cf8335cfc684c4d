-- Migrations and what runs them. Keys are UUIDv7 made by the server (tokens and ledger rows by whoever makes them).
-- The sets of states mirror src/migration/states.ts; a test compares them. Errors, reasons and events are codes and
-- parameters (jsonb), never text.

create table worker (
  id uuid primary key,
  -- New with every start of the process: attempts of an older boot are lost at once.
  boot_id uuid not null,
  name text not null,
  host text not null,
  os_user text not null,
  version text not null,
  protocol integer not null,
  -- As the worker says it itself; what decides is counted from the rows below.
  load integer not null default 0,
  first_seen_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  -- One lease after its last word; one more period after a server's start.
  alive_until timestamptz not null,
  -- A lease request of it waits for an answer until then.
  asks_until timestamptz
);

create table migration (
  id uuid primary key,
  name text not null,
  state text not null constraint migration_state check (state in
    ('pending_approval', 'scheduled', 'queued', 'running', 'paused', 'succeeded', 'failed', 'canceled', 'denied')),
  created_by text not null,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  ended_at timestamptz
);
create index migration_by_state on migration (state, id desc);

-- The disks and the VM at a target that belong to one source VM: marks and ledger rows hang on it, it outlives runs.
create table target_copy (
  id uuid primary key,
  -- Which source VM: canonical JSON of the source and the VM asked for.
  source_identity text not null,
  created_at timestamptz not null default now()
);
create index target_copy_by_source on target_copy (md5(source_identity));

create table vm_migration (
  id uuid primary key,
  migration_id uuid not null references migration,
  position integer not null,
  target_copy_id uuid not null references target_copy,
  -- Frozen when the migration was made.
  spec jsonb not null,
  itinerary jsonb not null,
  itinerary_version integer not null,
  -- From preflight.
  vm jsonb,
  target_name text,
  concerns jsonb not null default '[]',
  state text not null constraint vm_migration_state check (state in
    ('planned', 'approved', 'queued', 'running', 'completed', 'failed', 'canceled')),
  cancelation text not null default 'none' constraint vm_migration_cancelation check (cancelation in
    ('none', 'requested', 'canceling', 'canceled')),
  canceled_by text,
  wait_reason jsonb,
  -- The first error stays; what undoing ran into stands beside it.
  error jsonb,
  undo_error jsonb,
  -- All steps stay on one worker while it lives.
  worker_id uuid references worker,
  log_count integer not null default 0,
  log_dropped integer not null default 0,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  ended_at timestamptz,
  unique (migration_id, position),
  check ((ended_at is not null) = (state in ('completed', 'failed', 'canceled')))
);
create index vm_migration_open on vm_migration (state) where state not in ('completed', 'failed', 'canceled');
create index vm_migration_by_worker on vm_migration (worker_id) where state = 'running';

create table step (
  id uuid primary key,
  vm_migration_id uuid not null references vm_migration,
  position integer not null,
  name text not null,
  after text[] not null default '{}',
  state text not null constraint step_state check (state in
    ('waiting', 'ready', 'running', 'succeeded', 'skipped', 'failed', 'canceled', 'undone')),
  attempts integer not null default 0,
  -- Attempts in a row that ended without an outcome and without a durable advance.
  fruitless integer not null default 0,
  -- Of the running attempt; a write that carries another one is refused.
  token uuid unique,
  worker_id uuid references worker,
  boot_id uuid,
  lease_until timestamptz,
  ready_at timestamptz,
  not_before timestamptz,
  progress jsonb,
  checkpoint jsonb,
  result jsonb,
  error jsonb,
  started_at timestamptz,
  ended_at timestamptz,
  check ((state = 'running') = (token is not null)),
  check (state <> 'running' or (worker_id is not null and boot_id is not null and lease_until is not null))
);
-- Undoing may be asked for again, every other step is there once.
create unique index step_once on step (vm_migration_id, name) where name <> 'undo';
create index step_by_vm_migration on step (vm_migration_id, position);
create index step_ready on step (not_before, id) where state = 'ready';
create index step_running on step (lease_until) where state = 'running';

-- History: one row each, never overwritten but by its end.
create table attempt (
  token uuid primary key,
  step_id uuid not null references step,
  vm_migration_id uuid not null references vm_migration,
  number integer not null,
  worker_id uuid not null references worker,
  boot_id uuid not null,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  outcome text check (outcome in ('succeeded', 'failed', 'declined', 'lost', 'canceled')),
  error jsonb,
  -- Who ended it: the worker may repeat what it said, and gets the same answer; what the server ended is stale.
  ended_by text check (ended_by in ('worker', 'server')),
  unique (step_id, number),
  check ((ended_at is null) = (outcome is null) and (ended_at is null) = (ended_by is null))
);
create index attempt_by_vm_migration on attempt (vm_migration_id);

-- The answer to a lease request, for when it is asked again because the answer got lost.
create table lease_request (
  worker_id uuid not null references worker,
  request_id uuid not null,
  token uuid not null references attempt,
  answered_at timestamptz not null default now(),
  primary key (worker_id, request_id)
);

create table decline (
  step_id uuid not null references step,
  worker_id uuid not null references worker,
  vm_migration_id uuid not null references vm_migration,
  error jsonb not null,
  declined_at timestamptz not null default now(),
  primary key (step_id, worker_id)
);
create index decline_by_vm_migration on decline (vm_migration_id);

-- Everything of ours that is outside. Intent before effect; ends as removed or handed over.
create table ledger (
  id uuid primary key,
  number bigint generated always as identity,
  target_copy_id uuid not null references target_copy,
  vm_migration_id uuid not null references vm_migration,
  kind text not null,
  state text not null constraint ledger_state check (state in ('intended', 'created', 'removed', 'handed_over')),
  ref jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index ledger_by_target_copy on ledger (target_copy_id, number);
create index ledger_open on ledger (vm_migration_id) where state in ('intended', 'created');

create table ledger_history (
  number bigint primary key generated always as identity,
  ledger_id uuid not null references ledger,
  state text not null,
  ref jsonb not null,
  token uuid not null references attempt,
  time timestamptz not null default now()
);
create index ledger_history_by_ledger on ledger_history (ledger_id, number);

-- Digests of 64 MiB chunks, append only. A later attempt may say a chunk again (tokens are UUIDv7): the latest counts.
create table copy_chunk (
  target_copy_id uuid not null references target_copy,
  disk_id text not null,
  chunk integer not null check (chunk >= 0),
  token uuid not null,
  digest bytea not null check (length(digest) = 32),
  primary key (target_copy_id, disk_id, chunk, token)
);
-- From this attempt on the disk was copied anew: what older attempts journaled is void.
create table copy_restart (
  target_copy_id uuid not null references target_copy,
  disk_id text not null,
  token uuid not null,
  primary key (target_copy_id, disk_id, token)
);

create table vm_migration_log (
  number bigint primary key generated always as identity,
  vm_migration_id uuid not null references vm_migration,
  token uuid not null,
  step text not null,
  time timestamptz not null,
  level text not null check (level in ('info', 'warning', 'error', 'tool')),
  text text not null
);
create index vm_migration_log_by_vm on vm_migration_log (vm_migration_id, number);
-- A report that was sent twice must not be written twice.
create unique index vm_migration_log_once on vm_migration_log (token, time, level, md5(text));

-- Questions of the API that a worker answers.
create table worker_call (
  id uuid primary key,
  worker_id uuid not null references worker,
  method text not null,
  params jsonb not null,
  result jsonb,
  error jsonb,
  asked_at timestamptz not null default now(),
  answered_at timestamptz
);
create index worker_call_open on worker_call (worker_id) where answered_at is null;
