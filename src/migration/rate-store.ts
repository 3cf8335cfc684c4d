/** How fast each copy went over time, and what it waited for: kept per attempt, apart from the progress that is read often. */
import { sql } from 'kysely';
import type { Db, Executor, Tx } from '../db/db.ts';
import type { DiskRates } from './api.ts';
import type { AttemptReport, DiskProgress, Progress } from './protocol.ts';
import { json, maybeJson } from './rows-store.ts';

/** What is stored with the step, and shown with every list of migrations. */
export function withoutSamples(progress: Progress): Progress {
  return { ...progress, disks: progress.disks.map(({ samples: _samples, ...disk }) => disk) };
}

/** Keeps the latest state of each disk's history. When it began is counted back from the database's clock, once. */
export async function keepRates(
  tx: Tx,
  vmMigrationId: string,
  { token, progress }: Pick<AttemptReport, 'token' | 'progress'>,
): Promise<void> {
  const told = progress?.disks.flatMap(({ samples, ...disk }) => (samples?.length ? [{ ...disk, samples }] : [])) ?? [];
  for (const { diskId, samples, waited } of told) {
    const seconds = samples.at(-1)?.[0] ?? 0;
    await tx
      .insertInto('copy_rate')
      .values({
        vm_migration_id: vmMigrationId,
        token,
        disk_id: diskId,
        began_at: sql<Date>`clock_timestamp() - ${seconds}::double precision * interval '1 second'`,
        samples: json(samples),
        waited: maybeJson<DiskProgress['waited']>(waited),
      })
      .onConflict((conflict) =>
        conflict.columns(['token', 'disk_id']).doUpdateSet((row) => ({
          samples: row.ref('excluded.samples'),
          waited: row.ref('excluded.waited'),
        })),
      )
      .execute();
  }
}

/** Of one VM migration: each disk's copies, oldest first. */
export async function readRates(db: Db, vmMigrationId: string): Promise<DiskRates[]> {
  const rows = await ratesOf(db.kysely, vmMigrationId);
  const disks = new Map<string, DiskRates['copies'][number][]>();
  for (const { disk_id, began_at, samples, waited } of rows) {
    const copies = disks.get(disk_id) ?? [];
    disks.set(disk_id, copies);
    copies.push({ beganAt: began_at.toISOString(), samples, waited });
  }
  return [...disks].map(([diskId, copies]) => ({ diskId, copies }));
}

/** Attempts of one VM are few; the latest of very many count. */
const mostCopies = 100;

async function ratesOf(db: Executor, vmMigrationId: string) {
  const rows = await db
    .selectFrom('copy_rate')
    .select(['disk_id', 'began_at', 'samples', 'waited'])
    .where('vm_migration_id', '=', vmMigrationId)
    .orderBy('token', 'desc')
    .orderBy('disk_id')
    .limit(mostCopies)
    .execute();
  return rows.toReversed();
}
