-- Stored objects are some 2 kB and more each: compressing them by pglz took a fifth of the time of writing them, lz4 takes
-- next to none. What is stored already stays as it is. A PostgreSQL that was built without lz4 goes on as before.
do $$
begin
  alter table inventory_object alter column data set compression lz4;
exception when feature_not_supported then null;
end $$;
