/**
 * What a worker should know now: a state, not a queue. It is computed anew for every look; what got lost is simply said
 * again. Calls (questions of the API) are part of it until they are answered.
 */
import { createHash } from 'node:crypto';
import type { Db } from '../db/db.ts';
import { type StoredError, WherryError } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import { wakeCall, wakeCommands } from './news-store.ts';
import type { CallAnswer, Commands } from './protocol.ts';
import { json, maybeJson, now } from './rows-store.ts';

/** Bytes per second over all copies of a worker, as an administrator set it. */
const bandwidthSetting = 'worker.bytes_per_second';

export async function readCommands(db: Db, workerId: string): Promise<Commands> {
  const cancel = await db.kysely
    .selectFrom('step')
    .innerJoin('vm_migration as v', 'v.id', 'step.vm_migration_id')
    .select('step.token')
    .where('step.worker_id', '=', workerId)
    .where('step.state', '=', 'running')
    .where('step.name', '!=', 'undo')
    .where('v.state', 'not in', ['completed', 'failed', 'canceled'])
    .where((where) => where.or([where('v.error', 'is not', null), where('v.cancelation', '!=', 'none')]))
    .orderBy('step.token')
    .execute();
  const calls = await db.kysely
    .selectFrom('worker_call')
    .select(['id', 'method', 'params'])
    .where('worker_id', '=', workerId)
    .where('answered_at', 'is', null)
    .orderBy('id')
    .execute();
  const limit = await db.kysely
    .selectFrom('setting')
    .select('value')
    .where('name', '=', bandwidthSetting)
    .executeTakeFirst();
  const content = {
    cancel: cancel.flatMap(({ token }) => (token === null ? [] : [token])),
    calls,
    bytesPerSecond: typeof limit?.value === 'number' && limit.value > 0 ? limit.value : null,
  };
  const version = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
  return { version, ...content };
}

export type Question = {
  readonly method: 'listVms' | 'describeVm';
  readonly params: unknown;
  readonly workerId?: string;
};

/** Puts a question to the worker that was named, else to the least loaded one that lives. @throws migration.no_worker */
export async function ask(db: Db, question: Question): Promise<{ callId: string; worker: string }> {
  return db.transaction(async (tx) => {
    const worker = await tx
      .selectFrom('worker')
      .select(['id', 'name'])
      .where('alive_until', '>', now)
      .where((where) => (question.workerId === undefined ? where.lit(true) : where('id', '=', question.workerId)))
      .orderBy((row) =>
        row
          .selectFrom('vm_migration')
          .select(({ fn }) => fn.countAll<number>().as('count'))
          .whereRef('vm_migration.worker_id', '=', 'worker.id')
          .where('vm_migration.state', '=', 'running'),
      )
      .orderBy('last_seen_at', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (worker === undefined) throw new WherryError('migration.no_worker', {});
    const callId = newId();
    const { method, params } = question;
    await tx
      .insertInto('worker_call')
      .values({ id: callId, worker_id: worker.id, method, params: json(params) })
      .execute();
    await wakeCommands(tx, worker.id);
    return { callId, worker: worker.name };
  });
}

/** Undefined until it is there. */
export async function readAnswer(
  db: Db,
  callId: string,
): Promise<{ result: unknown; error: StoredError | null } | undefined> {
  return db.kysely
    .selectFrom('worker_call')
    .select(['result', 'error'])
    .where('id', '=', callId)
    .where('answered_at', 'is not', null)
    .executeTakeFirst();
}

/** Nobody waits for the answer any more. */
export async function dropCall(db: Db, callId: string): Promise<void> {
  await db.kysely.deleteFrom('worker_call').where('id', '=', callId).execute();
}

/** The first answer counts; one that nobody waits for any more is thrown away. */
export async function answer(db: Db, { callId, result, error }: CallAnswer): Promise<void> {
  await db.transaction(async (tx) => {
    await tx
      .updateTable('worker_call')
      .set({ result: maybeJson(result), error: maybeJson(error), answered_at: now })
      .where('id', '=', callId)
      .where('answered_at', 'is', null)
      .execute();
    await wakeCall(tx, callId);
  });
}
