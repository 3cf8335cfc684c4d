/** The tables of migrations/006_limits.sql. */
import type { ColumnType } from 'kysely';
import type { DiskProgress, RateSamples } from '../migration/protocol.ts';
import type { LimitScope } from '../model/limit.ts';
import type { Json } from './base-tables.ts';

export type LimitTables = {
  bandwidth_limit: {
    scope: LimitScope;
    id: string;
    bytes_per_second: number;
    set_by: string;
    set_at: ColumnType<Date, Date | string | undefined, Date | string>;
  };
  copy_rate: {
    vm_migration_id: string;
    token: string;
    disk_id: string;
    began_at: ColumnType<Date, Date | string, Date | string>;
    samples: Json<RateSamples>;
    waited: ColumnType<DiskProgress['waited'], DiskProgress['waited'] | undefined, DiskProgress['waited']>;
  };
  applied_chunk: { target_copy_id: string; disk_id: string; chunk: number; token: string; digest: Buffer };
};
