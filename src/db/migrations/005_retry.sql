-- Running an ended VM migration again on its target copy, and what metrics count.

alter table vm_migration
  -- The VM migration that this one does again. Each is done again once at most; what that one left is this one's.
  add column retry_of uuid unique references vm_migration,
  -- Who canceled it wants what was copied to stay, for a retry.
  add column cancel_keeps boolean not null default false;
create index vm_migration_by_target_copy on vm_migration (target_copy_id);

-- What the chunks of a disk are about (source and target disk, as the copy saw them): compared before one of them is taken
-- for done.
create table copy_identity (
  target_copy_id uuid not null references target_copy,
  disk_id text not null,
  identity text not null,
  primary key (target_copy_id, disk_id)
);

alter table attempt
  -- Read from the source by copying: what the attempt's progress said at most.
  add column bytes_moved bigint not null default 0,
  drop constraint attempt_outcome_check,
  -- Released: the worker ended in order, the step goes on and nothing is held against it.
  add constraint attempt_outcome check (outcome in ('succeeded', 'failed', 'declined', 'lost', 'canceled', 'released'));
