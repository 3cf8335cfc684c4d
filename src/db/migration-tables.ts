/** The tables of migrations/002_migration.sql. */
// oxlint-disable-next-line typescript/no-empty-object-type
export type MigrationTables = {};
