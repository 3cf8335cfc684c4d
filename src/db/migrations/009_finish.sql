-- The metrics count these orders with every look; there are few of them among many events.
create index event_finish_requested on event (id) where code = 'vm_migration.finish_requested';
