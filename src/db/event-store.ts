/** What happened, for people: append only, code and parameters. Every area records its events here. */
import { sql } from 'kysely';
import { changeChannel } from '../model/change.ts';
import { newId } from '../model/ids.ts';
import { type Executor, json } from './db.ts';

export type NewEvent = {
  readonly actor: string;
  readonly code: string;
  readonly params: Readonly<Record<string, string | number>>;
  readonly severity: 'information' | 'warning' | 'error' | 'critical';
  readonly migrationId?: string | null;
  readonly vmMigrationId?: string | null;
};

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
