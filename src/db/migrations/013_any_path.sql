-- Who made it is an administrator, who may name any directory of a worker; others those that the worker allows.
alter table migration add column any_path boolean not null default true;
