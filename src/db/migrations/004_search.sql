-- What makes a search through tens of thousands of VMs short.

alter table inventory_vm
  -- Words such as "disks.bus=scsi", "devices.kind=tpm": properties with few values that the columns do not hold.
  add column traits text[] not null default '{}',
  -- `path` of each of its disks: who else has the same disk.
  add column disk_paths text[] not null default '{}';
create index inventory_vm_by_disk_path on inventory_vm using gin (disk_paths);
-- The order of lists, and the names that a filter begins with: A to Z as a to z, bytes otherwise.
create index inventory_vm_by_folded_name on inventory_vm (lower(name collate "C"), object_id);
-- Whose concerns are to be looked for again.
create index inventory_vm_by_rules on inventory_vm (rules_version, object_id);

alter table saved_filter add column changed_at timestamptz not null default now();

-- What changed lately: concerns of whatever depends on it are looked for again.
create index inventory_object_by_change on inventory_object (changed_at);
