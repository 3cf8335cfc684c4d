import { sql, type Selectable } from 'kysely';
import type { Database } from '../db/database.ts';
import { type Db, type Executor, sqlState } from '../db/db.ts';
import { recordEvent } from '../db/event-store.ts';
import { WherryError } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import type { BeginUpload, UploadView } from './upload-api.ts';

export type UploadRow = Selectable<Database['upload']>;

/** What is begun and never ended is given up after so long. */
const forgottenAfter = sql`interval '7 days'`;

/**
 * @throws provider.not_found, upload.not_a_store, upload.no_worker, upload.under_way
 */
export async function beginUpload(
  db: Db,
  providerId: string,
  { name, sizeBytes, file }: BeginUpload,
  by: string,
): Promise<{ row: UploadRow; promisedBytes: number }> {
  return db.transaction(async (tx) => {
    const provider = await tx
      .selectFrom('provider')
      .select(['name', 'account', 'via', 'watch_worker'])
      .where('id', '=', providerId)
      .where('removed_at', 'is', null)
      .executeTakeFirst();
    if (provider === undefined) throw new WherryError('provider.not_found', { provider: providerId });
    const { account } = provider;
    if (account.type !== 'ova' || !account.location.startsWith('/')) {
      throw new WherryError('upload.not_a_store', { provider: provider.name });
    }
    const workerId = provider.via ?? provider.watch_worker;
    if (workerId === null) throw new WherryError('upload.no_worker', { provider: provider.name });
    const { location } = account;
    const { promised } = await tx
      .selectFrom('upload')
      .select(sql<number>`coalesce(sum(size_bytes - done_bytes), 0)::bigint`.as('promised'))
      .where('worker_id', '=', workerId)
      .where('location', '=', location)
      .where('state', '=', 'open')
      .executeTakeFirstOrThrow();
    const of = { id: newId(), provider_id: providerId, worker_id: workerId };
    const values = { ...of, location, name, size_bytes: sizeBytes, file: file ?? null };
    try {
      const row = await tx
        .insertInto('upload')
        .values({ ...values, created_by: by })
        .returningAll()
        .executeTakeFirstOrThrow();
      return { row, promisedBytes: promised };
    } catch (error) {
      if (sqlState(error) !== '23505') throw error;
      throw new WherryError('upload.under_way', { name, provider: provider.name });
    }
  });
}

/** @throws upload.not_found */
export async function readUpload(db: Executor, id: string): Promise<UploadRow> {
  const row = await db.selectFrom('upload').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw new WherryError('upload.not_found', { upload: id });
  return row;
}

export async function listUploads(db: Executor, providerId: string): Promise<UploadRow[]> {
  return db
    .selectFrom('upload')
    .selectAll()
    .where('provider_id', '=', providerId)
    .orderBy('id', 'desc')
    .limit(200)
    .execute();
}

/** @throws upload.elsewhere when another request has written there meanwhile */
export async function partDone(db: Executor, row: UploadRow, doneBytes: number): Promise<UploadRow> {
  const changed = await db
    .updateTable('upload')
    .set({ done_bytes: doneBytes, changed_at: sql`now()` })
    .where('id', '=', row.id)
    .where('state', '=', 'open')
    .where('done_bytes', '=', row.done_bytes)
    .returningAll()
    .executeTakeFirst();
  if (changed !== undefined) return changed;
  const now = await readUpload(db, row.id);
  throw new WherryError('upload.elsewhere', { name: row.name, offset: now.done_bytes });
}

export async function endUpload(
  db: Executor,
  row: UploadRow,
  state: 'finished' | 'canceled',
  by: string,
): Promise<UploadRow> {
  const ended = await db
    .updateTable('upload')
    .set({ state, changed_at: sql`now()` })
    .where('id', '=', row.id)
    .where('state', '=', 'open')
    .returningAll()
    .executeTakeFirst();
  if (ended === undefined) return readUpload(db, row.id);
  const { name, size_bytes: bytes } = ended;
  await recordEvent(db, { actor: by, code: `upload.${state}`, params: { name, bytes }, severity: 'information' });
  return ended;
}

/** Open ones that nobody has come back to: theirs to give up, file and row. */
export async function forgottenUploads(db: Executor): Promise<UploadRow[]> {
  return db
    .selectFrom('upload')
    .selectAll()
    .where('state', '=', 'open')
    .where('changed_at', '<', sql<Date>`now() - ${forgottenAfter}`)
    .limit(50)
    .execute();
}

/** It never began at the worker. */
export async function dropUpload(db: Executor, id: string): Promise<void> {
  await db.deleteFrom('upload').where('id', '=', id).execute();
}

export function uploadView(row: UploadRow): UploadView {
  return {
    id: row.id,
    providerId: row.provider_id,
    name: row.name,
    sizeBytes: row.size_bytes,
    file: row.file,
    doneBytes: row.done_bytes,
    state: row.state,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
  };
}
