/** The tables of migrations/001_base.sql. Times come from the database's clock, ids (UUIDv7) from `newId`. */
import type { ColumnType, Generated } from 'kysely';
import type { Role } from '../model/role.ts';

/** A `timestamptz`: read as `Date`; written as `Date`, ISO text or an SQL expression; the database's `now()` when left out. */
type Created = ColumnType<Date, Date | string | undefined, never>;
type Time = ColumnType<Date, Date | string, Date | string>;
type MaybeTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
/** A `jsonb`: write it with `json()` of db.ts, because pg would make a PostgreSQL array out of a JavaScript one. */
export type Json<T> = ColumnType<T, T, T>;

export type BaseTables = {
  installation: { singleton: Generated<boolean>; id: string; created_at: Created; key_id: string };
  user_account: {
    id: string;
    name: string;
    role: Role;
    password_hash: string;
    disabled: Generated<boolean>;
    created_at: Created;
  };
  session: { id: string; user_id: string; hash: Buffer; created_at: Created; expires_at: Time };
  api_token: {
    id: string;
    name: string;
    role: Role;
    prefix: string;
    hash: Buffer;
    created_by: string;
    created_at: Created;
    last_used_at: MaybeTime;
  };
  worker_token: {
    id: string;
    name: string;
    prefix: string;
    hash: Buffer;
    created_by: string;
    created_at: Created;
    last_used_at: MaybeTime;
  };
  setup_token: { id: string; hash: Buffer; created_at: Created; used_at: MaybeTime };
  idempotency_key: {
    actor: string;
    key: string;
    request_hash: Buffer;
    status: number | null;
    response: Json<unknown> | null;
    created_at: Created;
  };
  event: {
    id: string;
    time: Created;
    actor: string;
    code: string;
    params: Json<Record<string, string | number>>;
    severity: 'information' | 'warning' | 'error' | 'critical';
    migration_id: string | null;
    vm_migration_id: string | null;
  };
  setting: { name: string; value: Json<unknown>; changed_at: Created };
};
