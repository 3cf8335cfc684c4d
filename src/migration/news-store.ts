/** Who has to know: people (events), the console (changes), waiting polls (wake-ups). All sent with the commit. */
import { sql } from 'kysely';
import type { Tx } from '../db/db.ts';
import { type NewEvent, recordEvent as recordAnyEvent } from '../db/event-store.ts';
import { changeChannel } from '../model/change.ts';

/** A step may have become ready, or a slot free. */
export const workChannel = 'wherry_work';
/** Commands of a worker may have changed; payload: its id, or nothing for all. */
export const commandsChannel = 'wherry_commands';
/** A call was answered; payload: its id. */
export const callChannel = 'wherry_call';

export type About = { readonly migrationId: string; readonly vmMigrationId?: string };

type AboutMigration = Omit<NewEvent, 'severity' | 'migrationId' | 'vmMigrationId'> & {
  readonly severity?: NewEvent['severity'];
  readonly migrationId: string;
  readonly vmMigrationId?: string;
};

/** An event of a migration, and with it the news that what is shown of the migration has changed. */
export async function recordEvent(tx: Tx, event: AboutMigration): Promise<void> {
  await recordAnyEvent(tx, { severity: 'information', ...event });
  await announce(tx, event);
}

export async function announce(tx: Tx, { migrationId, vmMigrationId }: About): Promise<void> {
  await send(tx, changeChannel, JSON.stringify({ kind: 'migration', id: migrationId }));
  if (vmMigrationId === undefined) return;
  await send(tx, changeChannel, JSON.stringify({ kind: 'vm_migration', id: vmMigrationId }));
}
export async function announceWorker(tx: Tx, workerId: string): Promise<void> {
  await send(tx, changeChannel, JSON.stringify({ kind: 'worker', id: workerId }));
}
export const wakeWork = (tx: Tx): Promise<void> => send(tx, workChannel, '');
export const wakeCommands = (tx: Tx, workerId = ''): Promise<void> => send(tx, commandsChannel, workerId);
export const wakeCall = (tx: Tx, callId: string): Promise<void> => send(tx, callChannel, callId);

async function send(tx: Tx, channel: string, payload: string): Promise<void> {
  await sql`select pg_notify(${channel}, ${payload})`.execute(tx);
}
