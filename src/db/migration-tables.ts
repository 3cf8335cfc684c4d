/** The tables of migrations/002_migration.sql. */
import type { ColumnType, Generated } from 'kysely';
import type { Concern } from '../model/concern.ts';
import type { ErrorParams, StoredError } from '../model/errors.ts';
import type { VmMigrationSpec } from '../model/spec.ts';
import type { Vm } from '../model/vm.ts';
import type { Itinerary } from '../migration/itinerary.ts';
import type { CallMethod, LedgerRow, LogLine, Outcome, Progress } from '../migration/protocol.ts';
import type { Cancelation, LedgerState, MigrationState, StepState, VmMigrationState } from '../migration/states.ts';
import type { Json } from './base-tables.ts';

type Created = ColumnType<Date, Date | string | undefined, never>;
type Time = ColumnType<Date, Date | string | undefined, Date | string>;
type MaybeTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
type Maybe<T> = ColumnType<T | null, T | null | undefined, T | null>;

export type MigrationTables = {
  worker: {
    id: string;
    boot_id: string;
    name: string;
    host: string;
    os_user: string;
    version: string;
    protocol: number;
    load: Generated<number>;
    first_seen_at: Created;
    last_seen_at: Time;
    alive_until: ColumnType<Date, Date | string, Date | string>;
    asks_until: MaybeTime;
  };
  migration: {
    id: string;
    name: string;
    state: MigrationState;
    created_by: string;
    any_path: Generated<boolean>;
    created_at: Created;
    started_at: MaybeTime;
    ended_at: MaybeTime;
  };
  target_copy: { id: string; source_identity: string; created_at: Created };
  source_query: { target_copy_id: string; sealed: string; created_at: Created };
  vm_migration: {
    id: string;
    migration_id: string;
    position: number;
    target_copy_id: string;
    spec: Json<VmMigrationSpec>;
    itinerary: Json<Itinerary>;
    itinerary_version: number;
    vm: Maybe<Vm>;
    target_name: Maybe<string>;
    concerns: Generated<Concern[]>;
    state: VmMigrationState;
    cancelation: Generated<Cancelation>;
    canceled_by: Maybe<string>;
    wait_reason: Maybe<{ code: string; params: ErrorParams }>;
    error: Maybe<StoredError>;
    undo_error: Maybe<StoredError>;
    worker_id: Maybe<string>;
    retry_of: Maybe<string>;
    cancel_keeps: Generated<boolean>;
    log_count: Generated<number>;
    log_dropped: Generated<number>;
    created_at: Created;
    started_at: MaybeTime;
    ended_at: MaybeTime;
  };
  step: {
    id: string;
    vm_migration_id: string;
    position: number;
    name: string;
    after: string[];
    state: StepState;
    attempts: Generated<number>;
    fruitless: Generated<number>;
    token: Maybe<string>;
    worker_id: Maybe<string>;
    boot_id: Maybe<string>;
    lease_until: MaybeTime;
    ready_at: MaybeTime;
    not_before: MaybeTime;
    progress: Maybe<Progress>;
    checkpoint: Maybe<unknown>;
    result: Maybe<unknown>;
    error: Maybe<StoredError>;
    started_at: MaybeTime;
    ended_at: MaybeTime;
  };
  attempt: {
    token: string;
    step_id: string;
    vm_migration_id: string;
    number: number;
    worker_id: string;
    boot_id: string;
    started_at: Created;
    ended_at: MaybeTime;
    outcome: Maybe<Outcome['kind']>;
    error: Maybe<StoredError>;
    ended_by: Maybe<'worker' | 'server'>;
    bytes_moved: Generated<number>;
    /** 012_refused.sql */
    account_changed_at: MaybeTime;
  };
  lease_request: { worker_id: string; request_id: string; token: string; answered_at: Created };
  decline: {
    step_id: string;
    worker_id: string;
    vm_migration_id: string;
    error: Json<StoredError>;
    declined_at: Created;
  };
  ledger: {
    id: string;
    number: ColumnType<number, never, never>;
    target_copy_id: string;
    vm_migration_id: string;
    kind: LedgerRow['kind'];
    state: LedgerState;
    ref: Json<unknown>;
    created_at: Created;
    updated_at: Time;
  };
  ledger_history: {
    number: ColumnType<number, never, never>;
    ledger_id: string;
    state: LedgerState;
    ref: Json<unknown>;
    token: string;
    time: Created;
  };
  copy_chunk: { target_copy_id: string; disk_id: string; chunk: number; token: string; digest: Buffer };
  copy_identity: { target_copy_id: string; disk_id: string; identity: string };
  copy_restart: { target_copy_id: string; disk_id: string; token: string };
  vm_migration_log: {
    number: ColumnType<number, never, never>;
    vm_migration_id: string;
    token: string;
    step: string;
    time: Date | string;
    level: LogLine['level'];
    text: string;
  };
  worker_call: {
    id: string;
    worker_id: string;
    method: CallMethod;
    params: Json<unknown>;
    sealed_secrets: string | null;
    result: Maybe<unknown>;
    error: Maybe<StoredError>;
    asked_at: Created;
    answered_at: MaybeTime;
  };
};
