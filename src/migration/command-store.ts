/**
 * What a worker should know now: a state, not a queue. It is computed anew for every look; what got lost is simply said
 * again. Calls (questions of the API) are part of it until they are answered.
 */
import { createHash } from 'node:crypto';
import type { Db, Tx } from '../db/db.ts';
import { callSecrets, type Vault } from '../db/vault-store.ts';
import { type StoredError, WherryError } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import { limitsOfWorker } from './limit-store.ts';
import { wakeCall, wakeCommands } from './news-store.ts';
import type { Secrets } from '../model/provider.ts';
import type { CallAnswer, CallMethod, Commands } from './protocol.ts';
import { json, maybeJson, now } from './rows-store.ts';

/** With a call go its secrets: joined here, for this answer only; the version is made without them. */
export async function readCommands(db: Db, vault: Vault, workerId: string): Promise<Commands> {
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
    .select(['id', 'method', 'params', 'sealed_secrets'])
    .where('worker_id', '=', workerId)
    .where('answered_at', 'is', null)
    .orderBy('id')
    .execute();
  const watches = await db.kysely
    .selectFrom('provider')
    .select(['id as providerId', 'watch_token as token'])
    .where('watch_worker', '=', workerId)
    .where('removed_at', 'is', null)
    .where('state', '!=', 'stopped')
    .orderBy('id')
    .execute();
  const content = {
    cancel: cancel.flatMap(({ token }) => (token === null ? [] : [token])),
    calls: calls.map(({ id, method, params }) => ({ id, method, params })),
    watches,
    limits: await limitsOfWorker(db.kysely, workerId),
  };
  const version = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
  const withSecrets: Commands['calls'] = [];
  for (const { sealed_secrets: sealed, ...call } of calls) {
    withSecrets.push({ ...call, secrets: await openedSecrets(db, vault, call.id, sealed) });
  }
  return { version, ...content, calls: withSecrets };
}

/** The key may have changed since the row was read: then it was sealed anew, and is read again. */
async function openedSecrets(db: Db, vault: Vault, id: string, sealed: string | null): Promise<Record<string, string>> {
  if (sealed === null) return {};
  const opened = await vault.open(callSecrets(id), sealed).catch(async (error: unknown) => {
    const row = await db.kysely
      .selectFrom('worker_call')
      .select('sealed_secrets')
      .where('id', '=', id)
      .executeTakeFirst();
    if (row === undefined) return '{}'; // nobody waits for the answer any more
    if (row.sealed_secrets === null || row.sealed_secrets === sealed) throw error;
    return vault.open(callSecrets(id), row.sealed_secrets);
  });
  return JSON.parse(opened) as Record<string, string>;
}

export type Question = {
  readonly method: CallMethod;
  readonly params: unknown;
  /** Sealed while the question waits, given with it to the worker, and gone with the answer. */
  readonly secrets?: Secrets;
  readonly workerId?: string;
  /** How many times as long as others this question may take. */
  readonly patience?: number;
};

/** Puts a question to the worker that was named, else to the least loaded one that lives. @throws migration.no_worker */
export async function ask(db: Db, vault: Vault, question: Question): Promise<{ callId: string; worker: string }> {
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
    const sealed_secrets = await sealedSecrets(tx, vault, callId, question.secrets);
    await tx
      .insertInto('worker_call')
      .values({ id: callId, worker_id: worker.id, method, params: json(params), sealed_secrets })
      .execute();
    await wakeCommands(tx, worker.id);
    return { callId, worker: worker.name };
  });
}

async function sealedSecrets(tx: Tx, vault: Vault, id: string, secrets: Secrets | undefined): Promise<string | null> {
  if (secrets === undefined || Object.keys(secrets).length === 0) return null;
  return vault.seal(tx, callSecrets(id), JSON.stringify(secrets));
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
