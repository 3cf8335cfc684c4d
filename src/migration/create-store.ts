/** A new migration, from what a user asked for to steps that a worker may have. */
import type { Db, Tx } from '../db/db.ts';
import { newId } from '../model/ids.ts';
import type { VmMigrationSpec } from '../model/spec.ts';
import type { CreateMigration } from './api.ts';
import { resolveItinerary } from './itinerary.ts';
import { recordEvent, wakeWork } from './news-store.ts';
import { json, now } from './rows-store.ts';
import { type MigrationState, move, type VmMigrationState } from './states.ts';
import { vmNameOf } from './vm-name.ts';

/**
 * Approved and scheduled for now in the same breath: the states exist, what decides about them is not built yet.
 * `within` makes the answer in the same transaction, so that it can be kept with what it is the answer to.
 */
export async function createMigration<T>(
  db: Db,
  request: CreateMigration,
  actor: string,
  within: (tx: Tx, id: string) => Promise<T>,
): Promise<T> {
  return db.transaction(async (tx) => {
    const id = newId();
    const name = (request.name ?? nameFor(request.vms)).replaceAll('\0', '');
    const scheduled = move('migration', 'pending_approval', 'scheduled');
    const state: MigrationState = move('migration', scheduled, 'queued');
    await tx.insertInto('migration').values({ id, name, state, created_by: actor }).execute();
    for (const [position, spec] of request.vms.entries()) await createVmMigration(tx, id, position, spec);
    await recordEvent(tx, {
      actor,
      code: 'migration.created',
      params: { name, vms: request.vms.length },
      migrationId: id,
    });
    await wakeWork(tx);
    return within(tx, id);
  });
}

function nameFor(vms: readonly VmMigrationSpec[]): string {
  const names = vms.map((spec) => vmNameOf(spec, null));
  const rest = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return `${names.slice(0, 3).join(', ')}${rest}`.slice(0, 200);
}

async function createVmMigration(tx: Tx, migrationId: string, position: number, spec: VmMigrationSpec): Promise<void> {
  const id = newId();
  const targetCopyId = newId();
  const itinerary = resolveItinerary(spec, null);
  const approved = move('vmMigration', 'planned', 'approved');
  const state: VmMigrationState = move('vmMigration', approved, 'queued');
  const source = JSON.stringify([spec.source, spec.vm]); // a NUL is escaped here, and harmless in a text column
  await tx.insertInto('target_copy').values({ id: targetCopyId, source_identity: source }).execute();
  await tx
    .insertInto('vm_migration')
    .values({
      id,
      migration_id: migrationId,
      position,
      target_copy_id: targetCopyId,
      spec: json(spec),
      itinerary: json(itinerary),
      itinerary_version: itinerary.version,
      target_name: spec.targetName?.replaceAll('\0', '') ?? null,
      state,
    })
    .execute();
  await tx
    .insertInto('step')
    .values(
      itinerary.steps.map(({ name, after }, place) => ({
        id: newId(),
        vm_migration_id: id,
        position: place,
        name,
        after: [...after],
        ...(after.length === 0 ? { state: 'ready' as const, ready_at: now } : { state: 'waiting' as const }),
      })),
    )
    .execute();
}
