-- What stands after the question mark of a source's address: it may be a signature, and who has it reads the file. Kept with
-- the target copy, which outlives a run, so that a retry has it too; gone when the VM is migrated.
create table source_query (
  target_copy_id uuid primary key references target_copy on delete cascade,
  sealed text not null,
  created_at timestamptz not null default now()
);
