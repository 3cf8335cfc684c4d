/** One VM migration with everything that is kept about it. */
import { sql } from 'kysely';
import type { Db } from '../db/db.ts';
import type { VmMigrationDetail } from './api.ts';
import { iso, readVmMigration, shown } from './view-store.ts';

/** @throws request.not_found */
export async function readDetail(db: Db, id: string): Promise<VmMigrationDetail> {
  const { row, view } = await readVmMigration(db.kysely, id);
  const ledger = await db.kysely
    .selectFrom('ledger')
    .select(['id', 'kind', 'state', 'ref', 'created_at', 'updated_at'])
    .where('vm_migration_id', '=', id)
    .orderBy('number')
    .execute();
  const attempts = await db.kysely
    .selectFrom('attempt')
    .innerJoin('step', 'step.id', 'attempt.step_id')
    .innerJoin('worker', 'worker.id', 'attempt.worker_id')
    .select([
      'attempt.token',
      'attempt.number',
      'attempt.worker_id',
      'attempt.started_at',
      'attempt.ended_at',
      'attempt.outcome',
      'attempt.error',
      'step.name',
      'worker.name as worker_name',
    ])
    .where('attempt.vm_migration_id', '=', id)
    .orderBy('attempt.token')
    .execute();
  const chunks = await sql<{ diskId: string; count: number }>`
    select c.disk_id as "diskId", count(distinct c.chunk)::int as count from copy_chunk c
    where c.target_copy_id = ${row.target_copy_id}
      and not exists (select from copy_restart r
                      where r.target_copy_id = c.target_copy_id and r.disk_id = c.disk_id and r.token > c.token)
    group by c.disk_id order by c.disk_id`.execute(db.kysely);
  return {
    ...view,
    itinerary: { name: row.itinerary.name, version: row.itinerary_version },
    ledger: ledger.map(({ created_at, updated_at, ...entry }) => ({
      ...entry,
      createdAt: created_at.toISOString(),
      updatedAt: updated_at.toISOString(),
    })),
    attempts: attempts.map((attempt) => ({
      id: attempt.token,
      step: attempt.name,
      number: attempt.number,
      worker: { id: attempt.worker_id, name: attempt.worker_name },
      startedAt: attempt.started_at.toISOString(),
      endedAt: iso(attempt.ended_at),
      outcome: attempt.outcome,
      error: shown(attempt.error),
    })),
    chunks: chunks.rows,
  };
}
