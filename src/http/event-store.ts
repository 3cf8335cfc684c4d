/** Reads what happened; `db/event-store.ts` writes it. */
import type { Executor } from '../db/db.ts';
import type { NewEvent } from '../db/event-store.ts';

export type StoredEvent = Required<NewEvent> & { readonly id: string; readonly time: Date };

export type EventQuery = {
  readonly migrationId?: string | undefined;
  readonly vmMigrationId?: string | undefined;
  /** Older than this one. */
  readonly before?: string | undefined;
  readonly limit: number;
};

/** Newest first. */
export async function listEvents(db: Executor, query: EventQuery): Promise<StoredEvent[]> {
  let select = events(db).orderBy('id', 'desc').limit(query.limit);
  if (query.migrationId !== undefined) select = select.where('migration_id', '=', query.migrationId);
  if (query.vmMigrationId !== undefined) select = select.where('vm_migration_id', '=', query.vmMigrationId);
  if (query.before !== undefined) select = select.where('id', '<', query.before);
  return select.execute();
}

export async function eventsById(db: Executor, ids: readonly string[]): Promise<StoredEvent[]> {
  return events(db).where('id', 'in', ids).orderBy('id').execute();
}

/**
 * What came after an event that a client has seen, oldest first. Ids are made before their transaction commits, so an
 * event may appear behind a younger one: those of the 30 s before are given again, and clients know them by their id.
 */
export async function eventsSince(db: Executor, id: string, limit: number): Promise<StoredEvent[]> {
  const from = `${hexTime(Math.max(0, timeOf(id) - 30_000))}-7000-8000-000000000000`;
  const rows = await events(db)
    .where('id', '>=', from)
    .where('id', '!=', id)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.toReversed();
}

function events(db: Executor) {
  return db
    .selectFrom('event')
    .select(['id', 'time', 'actor', 'code', 'params', 'severity'])
    .select(['migration_id as migrationId', 'vm_migration_id as vmMigrationId']);
}

/** A UUIDv7 begins with its time in milliseconds. */
function timeOf(id: string): number {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
}

function hexTime(ms: number): string {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
