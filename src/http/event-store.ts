/** What happened, for people: append only, code and parameters. */
import { sql } from 'kysely';
import { type Executor, json } from '../db/db.ts';
import { newId } from '../model/ids.ts';
import { changeChannel } from './event-hub.ts';

export type NewEvent = {
  readonly actor: string;
  readonly code: string;
  readonly params: Readonly<Record<string, string | number>>;
  readonly severity: 'information' | 'warning' | 'error' | 'critical';
  readonly migrationId?: string | null;
  readonly vmMigrationId?: string | null;
};
export type StoredEvent = Required<NewEvent> & { readonly id: string; readonly time: Date };

/** Writes an event and tells everybody. Pass the transaction of what happened: both are there or neither. */
export async function recordEvent(db: Executor, event: NewEvent): Promise<string> {
  const id = newId();
  await db
    .insertInto('event')
    .values({
      id,
      actor: event.actor,
      code: event.code,
      params: json({ ...event.params }),
      severity: event.severity,
      migration_id: event.migrationId ?? null,
      vm_migration_id: event.vmMigrationId ?? null,
    })
    .execute();
  await sql`select pg_notify(${changeChannel}, ${JSON.stringify({ kind: 'event', id })})`.execute(db);
  return id;
}

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
