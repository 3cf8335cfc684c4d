/** Who has to know: people (events), the console (changes), waiting polls (wake-ups). All sent with the commit. */
import { sql } from 'kysely';
import type { Tx } from '../db/db.ts';
import { json } from './rows-store.ts';
import type { ErrorParams } from '../model/errors.ts';
import { newId } from '../model/ids.ts';

/** A step may have become ready, or a slot free. */
export const workChannel = 'wherry_work';
/** Commands of a worker may have changed; payload: its id, or nothing for all. */
export const commandsChannel = 'wherry_commands';
/** A call was answered; payload: its id. */
export const callChannel = 'wherry_call';
/** Something that people look at changed; payload: the event hub's. */
const changeChannel = 'wherry_change';

export type Change = { readonly migrationId: string; readonly vmMigrationId?: string };

export async function recordEvent(
  tx: Tx,
  event: {
    readonly actor: string;
    readonly code: string;
    readonly params: ErrorParams;
    readonly severity?: 'information' | 'warning' | 'error' | 'critical';
    readonly migrationId: string;
    readonly vmMigrationId?: string;
  },
): Promise<void> {
  const id = newId();
  await tx
    .insertInto('event')
    .values({
      id,
      actor: event.actor,
      code: event.code,
      params: json({ ...event.params }),
      severity: event.severity ?? 'information',
      migration_id: event.migrationId,
      vm_migration_id: event.vmMigrationId ?? null,
    })
    .execute();
  await send(tx, changeChannel, JSON.stringify({ kind: 'event', id }));
  await announce(tx, event);
}

export async function announce(tx: Tx, { migrationId, vmMigrationId }: Change): Promise<void> {
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
