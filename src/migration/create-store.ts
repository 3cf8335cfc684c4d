/** A new migration, from what a user asked for to steps that a worker may have. */
import type { Db, Tx } from '../db/db.ts';
import type { Vault } from '../db/vault-store.ts';
import { newId } from '../model/ids.ts';
import type { VmMigrationSpec } from '../model/spec.ts';
import type { CreateMigration } from './api.ts';
import { checkAccess } from './access-store.ts';
import { resolveItinerary } from './itinerary.ts';
import { recordEvent, wakeWork } from './news-store.ts';
import { json, maybeJson, now } from './rows-store.ts';
import { type MigrationState, move, type VmMigrationState } from './states.ts';
import { sealSourceQuery, sourceApart } from './source-query-store.ts';
import { vmNameOf } from './vm-name.ts';

/**
 * Approved and scheduled for now in the same breath: the states exist, what decides about them is not built yet.
 * `within` makes the answer in the same transaction, so that it can be kept with what it is the answer to.
 */
export async function createMigration<T>(
  { db, vault }: { readonly db: Db; readonly vault: Vault },
  request: CreateMigration,
  { actor, anyPath }: { readonly actor: string; readonly anyPath: boolean },
  within: (tx: Tx, id: string) => Promise<T>,
): Promise<T> {
  return db.transaction(async (tx) => {
    for (const { source } of request.vms) await checkAccess(tx, source);
    const vms = request.vms.map((spec) => ({ spec, ...sourceApart(spec.source) }));
    const specs = vms.map(({ spec, source }) => ({ ...spec, source }));
    const id = newId();
    const name = (request.name ?? nameFor(specs)).replaceAll('\0', '');
    const scheduled = move('migration', 'pending_approval', 'scheduled');
    const state: MigrationState = move('migration', scheduled, 'queued');
    await tx.insertInto('migration').values({ id, name, state, created_by: actor, any_path: anyPath }).execute();
    for (const [position, spec] of specs.entries()) {
      const targetCopyId = await newTargetCopy(tx, spec);
      const query = vms[position]?.query ?? null;
      if (query !== null) await sealSourceQuery(tx, vault, targetCopyId, query);
      await insertVmMigration(tx, { migrationId: id, position, spec, targetCopyId });
    }
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

async function newTargetCopy(tx: Tx, spec: VmMigrationSpec): Promise<string> {
  const id = newId();
  const source = JSON.stringify([spec.source, spec.vm]); // a NUL is escaped here, and harmless in a text column
  await tx.insertInto('target_copy').values({ id, source_identity: source }).execute();
  return id;
}

export type NewVmMigration = {
  readonly migrationId: string;
  readonly position: number;
  readonly spec: VmMigrationSpec;
  readonly targetCopyId: string;
  /** The VM migration that is done again, and the worker that has what it left. */
  readonly retryOf?: string;
  readonly workerId?: string | null;
  /** With which steps begin, by name. */
  readonly checkpoints?: Readonly<Record<string, unknown>>;
};

/** A VM migration with the steps of its itinerary, the first of them ready. Returns its id. */
export async function insertVmMigration(tx: Tx, vm: NewVmMigration): Promise<string> {
  const { spec, checkpoints = {} } = vm;
  const id = newId();
  const itinerary = resolveItinerary(spec, null);
  const approved = move('vmMigration', 'planned', 'approved');
  const state: VmMigrationState = move('vmMigration', approved, 'queued');
  await tx
    .insertInto('vm_migration')
    .values({
      id,
      migration_id: vm.migrationId,
      position: vm.position,
      target_copy_id: vm.targetCopyId,
      retry_of: vm.retryOf ?? null,
      worker_id: vm.workerId ?? null,
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
        checkpoint: maybeJson(checkpoints[name] ?? null),
        ...(after.length === 0 ? { state: 'ready' as const, ready_at: now } : { state: 'waiting' as const }),
      })),
    )
    .execute();
  return id;
}
