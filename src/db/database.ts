import type { BaseTables } from './base-tables.ts';
import type { InventoryTables } from './inventory-tables.ts';
import type { LimitTables } from './limit-tables.ts';
import type { MigrationTables } from './migration-tables.ts';

/** All tables, as Kysely knows them. One file of types beside each numbered migration. */
export type Database = BaseTables & MigrationTables & InventoryTables & LimitTables;
