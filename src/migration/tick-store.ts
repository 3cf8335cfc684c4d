/** What every server does each tick, whoever else does it too: leases, declines of workers that died, waits. */
import { sql } from 'kysely';
import type { Db, Tx } from '../db/db.ts';
import type { ErrorParams } from '../model/errors.ts';
import { waitOf } from './admission.ts';
import { readAdmission, writeWaits } from './claim-store.ts';
import type { Policy } from './policy.ts';
import { lockEngine } from './rows-store.ts';
import { giveUpDeclined, settle } from './settle-store.ts';
import { expireLeases } from './worker-store.ts';

export async function tick(db: Db, policy: Policy): Promise<void> {
  await expireLeases(db, policy);
  await db.transaction(async (tx) => {
    await lockEngine(tx);
    await giveUpWhereAllDeclined(tx);
    await updateWaits(tx, policy);
  });
}

/** The worker that could have had it may have died since: what is left has declined. */
async function giveUpWhereAllDeclined(tx: Tx): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select distinct s.vm_migration_id as id from step s
    where s.state = 'ready' and exists (select from decline d where d.vm_migration_id = s.vm_migration_id)`.execute(tx);
  for (const { id } of rows) if (await giveUpDeclined(tx, id)) await settle(tx, id);
}

/** Says why what could run does not; only where nothing of the VM runs, and only what changed is written. */
async function updateWaits(tx: Tx, policy: Policy): Promise<void> {
  const facts = await readAdmission(tx, policy, null);
  const limits = { 'wait.worker_limit': policy.maxPerWorker, 'wait.server_limit': policy.maxPerServer };
  const waits = new Map<string, { code: string; params: Record<string, string | number> } | null>();
  for (const candidate of facts.candidates) {
    if (candidate.runningOn.length > 0) continue;
    const code = waitOf(candidate, facts);
    const params: ErrorParams =
      code === 'wait.worker_limit' || code === 'wait.server_limit' ? { limit: limits[code] } : {};
    waits.set(candidate.vmMigrationId, code === null ? null : { code, params: { ...params } });
  }
  const { rows } = await sql<{ id: string; step: string }>`
    select s.vm_migration_id as id, s.name as step from step s
    where s.state = 'ready' and s.not_before > clock_timestamp()
      and not exists (select from step r where r.vm_migration_id = s.vm_migration_id and r.state = 'running')`.execute(
    tx,
  );
  for (const { id, step } of rows) waits.set(id, { code: 'wait.retry', params: { step } });
  await writeWaits(
    tx,
    [...waits].map(([vmMigrationId, reason]) => ({ vmMigrationId, reason })),
  );
}
