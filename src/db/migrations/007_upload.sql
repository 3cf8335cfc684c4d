-- A file on its way from a browser (or a script) into a store. Its bytes are with the worker; here is how far they are.
create table upload (
  id uuid primary key,
  provider_id uuid not null references provider,
  -- Which worker has it: its bytes are nowhere else.
  worker_id uuid not null references worker,
  -- The store's directory on that worker, as the provider's account gave it when the upload began.
  location text not null,
  name text not null check (length(name) between 1 and 401),
  size_bytes bigint not null check (size_bytes >= 0),
  -- Written to the worker's disk, and flushed.
  done_bytes bigint not null default 0,
  state text not null default 'open' constraint upload_state check (state in ('open', 'finished', 'canceled')),
  created_by text not null,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  check (done_bytes between 0 and size_bytes)
);
create unique index upload_open on upload (worker_id, location, name) where state = 'open';
create index upload_by_provider on upload (provider_id, id);
