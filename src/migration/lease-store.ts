/** What a worker gets with a step. */
import type { Executor } from '../db/db.ts';
import { storesOf } from './access-store.ts';
import { limitKeysOfVm } from './limit-store.ts';
import type { Policy } from './policy.ts';
import type { Lease } from './protocol.ts';
import { protocolVersion } from './protocol-version.ts';

/**
 * The lease of a running attempt; null when the attempt has ended since (an answer that is asked for again too late).
 * Secrets are joined afterwards (access-store.ts) and nowhere else, so that no stored row, log or error ever holds one.
 */
export async function buildLease(db: Executor, token: string, policy: Policy): Promise<Lease | null> {
  const step = await db.selectFrom('step').selectAll().where('token', '=', token).executeTakeFirst();
  if (step === undefined) return null;
  const vm = await db
    .selectFrom('vm_migration')
    .selectAll()
    .where('id', '=', step.vm_migration_id)
    .executeTakeFirstOrThrow();
  const results = await db
    .selectFrom('step')
    .select(['name', 'result'])
    .where('vm_migration_id', '=', vm.id)
    .where('state', '=', 'succeeded')
    .execute();
  const ledger = await db
    .selectFrom('ledger')
    .select(['id', 'kind', 'state', 'ref'])
    .where('target_copy_id', '=', vm.target_copy_id)
    .where('state', 'in', ['intended', 'created'])
    .orderBy('number')
    .execute();
  const { any_path: anyPath } = await db
    .selectFrom('migration')
    .select('any_path')
    .where('id', '=', vm.migration_id)
    .executeTakeFirstOrThrow();
  return {
    protocol: protocolVersion,
    ...(!anyPath && { restriction: { stores: await storesOf(db, step.worker_id) } }),
    token,
    attempt: step.attempts,
    step: { id: step.id, name: step.name },
    vmMigration: {
      id: vm.id,
      migrationId: vm.migration_id,
      itinerary: vm.itinerary.name,
      itineraryVersion: vm.itinerary_version,
      spec: vm.spec,
      vm: vm.vm,
      targetCopyId: vm.target_copy_id,
      results: Object.fromEntries(results.map(({ name, result }) => [name, result])),
    },
    ledger,
    checkpoint: step.checkpoint,
    secrets: {},
    limitKeys: step.worker_id === null ? [] : await limitKeysOfVm(db, vm, step.worker_id),
    leaseMs: policy.leaseMs,
  };
}
