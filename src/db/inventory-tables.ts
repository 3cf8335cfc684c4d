/**
 * The tables of migrations/003_inventory.sql and 004_search.sql. (inventory_search and inventory_set of 010_narrow_search.sql
 * are written by triggers and read in plain SQL.)
 */
import type { ColumnType, Generated } from 'kysely';
import type { StoredError } from '../model/errors.ts';
import type { ProviderAccount, ProviderType } from '../model/provider.ts';
import type { Concern } from '../model/concern.ts';
import type { Json } from './base-tables.ts';

type Created = ColumnType<Date, Date | string | undefined, Date | string>;
type MaybeTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;

export type InventoryTables = {
  source_system: { id: string; type: ProviderType; stable_id: string; created_at: Created };
  provider: {
    id: string;
    name: string;
    type: ProviderType;
    account: Json<ProviderAccount>;
    via: string | null;
    system_id: string | null;
    state: Generated<'new' | 'connecting' | 'reading' | 'following' | 'retrying' | 'stopped'>;
    error: Json<StoredError> | null;
    retry_at: MaybeTime;
    product: Generated<string>;
    version: Generated<string>;
    last_check: Json<unknown> | null;
    last_check_at: MaybeTime;
    watch_token: string;
    watch_worker: string | null;
    unable_workers: Generated<string[]>;
    watch_sequence: Generated<number>;
    snapshot_token: string | null;
    snapshot_started_at: MaybeTime;
    synced_at: MaybeTime;
    news_at: MaybeTime;
    created_by: string;
    created_at: Created;
    changed_at: Created;
    removed_at: MaybeTime;
  };
  provider_secret: { provider_id: string; name: string; sealed: string; changed_at: Created };
  inventory_object: {
    id: string;
    system_id: string;
    kind: string;
    identity: string;
    ref: string;
    name: string;
    parent_ref: string | null;
    data: Json<unknown>;
    snapshot_token: string | null;
    first_seen_at: Created;
    changed_at: Created;
    gone_at: MaybeTime;
  };
  inventory_vm: {
    object_id: string;
    system_id: string;
    name: string;
    power: string;
    connection: string;
    template: boolean;
    host: string | null;
    cluster: string | null;
    folder: string;
    os: string;
    cpus: number;
    memory_bytes: number;
    firmware: string | null;
    secure_boot: boolean;
    tools: string;
    hostname: string | null;
    change_tracking: boolean | null;
    uuid: string | null;
    hardware_version: string;
    disk_count: number;
    disk_bytes: number;
    used_bytes: number | null;
    snapshot_count: number;
    nic_count: number;
    disk_sizes: number[];
    networks: string[];
    storages: string[];
    macs: string[];
    ips: string[];
    tags: string[];
    concerns: string[];
    severity: number;
    concern_list: Json<readonly Concern[]>;
    rules_version: Generated<string>;
    traits: Generated<string[]>;
    disk_paths: Generated<string[]>;
  };
  inventory_unreadable: { system_id: string; ref: string; name: string; error: Json<StoredError>; seen_at: Created };
  upload: {
    id: string;
    provider_id: string;
    worker_id: string;
    location: string;
    name: string;
    size_bytes: number;
    file: string | null;
    done_bytes: Generated<number>;
    state: Generated<'open' | 'finished' | 'canceled'>;
    created_by: string;
    created_at: Created;
    changed_at: Created;
  };
  saved_filter: {
    id: string;
    name: string;
    filter: string;
    owner: string;
    shared: Generated<boolean>;
    created_at: Created;
    changed_at: Created;
  };
};
