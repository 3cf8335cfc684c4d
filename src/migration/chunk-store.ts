/**
 * The digests of chunks that copies told, append only: what need not be copied again, and the manifest. They count as long as
 * they are about the same source and target disk; what is voided stays in the table and is not read.
 */
import { sql } from 'kysely';
import type { Db, Executor, Tx } from '../db/db.ts';
import { recordEvent } from './news-store.ts';
import type { ChunksAnswer, ChunksRequest, JournalEntry } from './protocol.ts';
import { currentStep, nameOf } from './rows-store.ts';

export async function writeChunks(
  tx: Tx,
  targetCopyId: string,
  token: string,
  journal: readonly JournalEntry[],
): Promise<void> {
  for (const table of ['copy_chunk', 'applied_chunk'] as const) {
    const told = journal.filter(({ applied }) => (applied === true) === (table === 'applied_chunk'));
    if (told.length === 0) continue;
    await sql`
      insert into ${sql.table(table)} (target_copy_id, disk_id, chunk, token, digest)
      select ${targetCopyId}, disk_id, chunk, ${token}, decode(digest, 'hex')
      from unnest(${told.map((entry) => entry.diskId)}::text[], ${told.map((entry) => entry.chunk)}::integer[],
                  ${told.map((entry) => entry.digest)}::text[]) as told (disk_id, chunk, digest)
      on conflict do nothing`.execute(tx);
  }
}

/** The chunks that count: said since the disk was last begun anew; of several, what the latest attempt said. */
export async function readChunks(db: Executor, targetCopyId: string, diskId?: string): Promise<JournalEntry[]> {
  const { rows } = await sql<JournalEntry>`
    select distinct on (c.disk_id, c.chunk) c.disk_id as "diskId", c.chunk, encode(c.digest, 'hex') as digest
    from copy_chunk c
    where c.target_copy_id = ${targetCopyId} and (${diskId ?? null}::text is null or c.disk_id = ${diskId ?? null})
      and not exists (select from copy_restart r
                      where r.target_copy_id = c.target_copy_id and r.disk_id = c.disk_id and r.token > c.token)
    order by c.disk_id, c.chunk, c.token desc`.execute(db);
  return rows;
}

/** From this attempt on, what earlier ones told of the disk is void. */
export async function voidChunks(tx: Tx, targetCopyId: string, diskId: string, token: string): Promise<void> {
  await tx
    .insertInto('copy_restart')
    .values({ target_copy_id: targetCopyId, disk_id: diskId, token })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  await tx
    .deleteFrom('copy_identity')
    .where('target_copy_id', '=', targetCopyId)
    .where('disk_id', '=', diskId)
    .execute();
}

/**
 * The chunks of a disk that an attempt need not copy. When they are about something else than the attempt says, or it begins
 * anew itself, they are void, and people are told why. @throws migration.stale_attempt
 */
export async function chunksFor(db: Db, request: ChunksRequest): Promise<ChunksAnswer> {
  return db.transaction(async (tx) => {
    const step = await currentStep(tx, request.token);
    const vm = await tx
      .selectFrom('vm_migration')
      .select(['id', 'migration_id', 'target_copy_id', 'vm', 'spec'])
      .where('id', '=', step.vm_migration_id)
      .executeTakeFirstOrThrow();
    const { diskId } = request;
    const before = await readChunks(tx, vm.target_copy_id, diskId);
    const why = await difference(tx, vm.target_copy_id, request, before.length > 0);
    if (why !== null) await voidChunks(tx, vm.target_copy_id, diskId, request.token);
    // What this very attempt has told stays.
    const chunks = why === null ? before : await readChunks(tx, vm.target_copy_id, diskId);
    if (request.identity !== undefined) await keepIdentity(tx, vm.target_copy_id, diskId, request.identity);
    if (why === null || chunks.length === before.length) return { chunks, startedOver: null };
    const disk = vm.vm?.disks.find(({ id }) => id === diskId)?.name ?? diskId;
    await recordEvent(tx, {
      actor: 'wherry',
      code: 'disk.started_over',
      params: { vm: nameOf(vm), disk, reason: why },
      severity: 'warning',
      migrationId: vm.migration_id,
      vmMigrationId: vm.id,
    });
    return { chunks, startedOver: why };
  });
}

/** Why what is known of a disk is about something else; null when it is not. */
async function difference(
  tx: Tx,
  targetCopyId: string,
  { diskId, startOver, why, identity }: ChunksRequest,
  some: boolean,
): Promise<string | null> {
  if (startOver === true) return why ?? 'the worker’s own record of the copy is about something else';
  if (identity === undefined) return null;
  const known = await tx
    .selectFrom('copy_identity')
    .select('identity')
    .where('target_copy_id', '=', targetCopyId)
    .where('disk_id', '=', diskId)
    .executeTakeFirst();
  if (known === undefined) return some ? 'nothing says what the earlier copy was about' : null;
  if (known.identity === identity) return null;
  return `source or target changed: it was ${known.identity}, now it is ${identity}`;
}

async function keepIdentity(tx: Tx, targetCopyId: string, diskId: string, identity: string): Promise<void> {
  await tx
    .insertInto('copy_identity')
    .values({ target_copy_id: targetCopyId, disk_id: diskId, identity })
    .onConflict((conflict) => conflict.columns(['target_copy_id', 'disk_id']).doUpdateSet({ identity }))
    .execute();
}
