/**
 * The engine of one server: what its routes call, and what it does by the clock. Several may run on one database; all
 * state is there, and one that is killed leaves nothing undone that another does not do a tick later.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../db/db.ts';
import type { Vault } from '../db/vault-store.ts';
import { fromStored, WherryError } from '../model/errors.ts';
import type { SourceSpec } from '../model/spec.ts';
import type { SourceAccess } from '../providers/provider.ts';
import { accessOf, withAccess } from './access-store.ts';
import { seen } from './attempt-store.ts';
import { claim, knownWorker } from './claim-store.ts';
import { answer, ask, dropCall, type Question, readAnswer, readCommands } from './command-store.ts';
import { sealOldQueries } from './old-queries-store.ts';
import { defaultPolicy, type Policy } from './policy.ts';
import type { CallAnswer, Commands, CommandsRequest, Lease, LeaseRequest } from './protocol.ts';
import { forgetSourceQueries } from './source-query-store.ts';
import { tick } from './tick-store.ts';
import { longPoll, startWaker } from './wake-store.ts';
import { forgetOldRequests, graceAfterStart } from './worker-store.ts';
import { watchWorkers } from './worker-watch-store.ts';

export type EngineOptions = Partial<Policy> & {
  readonly db: Db;
  readonly vault: Vault;
  /** Told of what went wrong by the clock; it is tried again at the next tick. */
  readonly onError?: (error: unknown) => void;
};

export type Engine = {
  readonly db: Db;
  readonly policy: Policy;
  /** A step for the worker, or null after `waitMs`. @throws migration.worker_unknown, migration.worker_replaced */
  lease(request: LeaseRequest, signal: AbortSignal): Promise<Lease | null>;
  /** As soon as they differ from what the worker knows, or after `waitMs`. */
  commands(request: CommandsRequest, signal: AbortSignal): Promise<Commands>;
  /** Lets a worker look something up. @throws migration.no_worker, migration.call_timeout, and what the worker threw */
  call(question: Question, signal: AbortSignal): Promise<unknown>;
  answer(said: CallAnswer): Promise<void>;
  readonly vault: Vault;
  /**
   * With what a source on a web server is reached; null where its address is enough.
   * @param query of its address (source-query-store.ts) @throws provider.not_found, provider.setting_wrong
   */
  accessOf(source: SourceSpec, query: string | null): Promise<SourceAccess | null>;
  stop(): Promise<void>;
};

/** Gives running attempts their one more period, then starts the clock. */
export async function startEngine({ db, vault, onError, ...given }: EngineOptions): Promise<Engine> {
  const policy: Policy = { ...defaultPolicy, ...given };
  const stopping = new AbortController();
  const waker = await startWaker(db);
  await graceAfterStart(db, policy);
  await sealOldQueries(db, vault).catch(onError ?? ((): void => undefined)); // without its key a server runs too
  const ticking = runClock(db, policy, stopping.signal, onError ?? ((): void => undefined));
  const poll = { waker, tickMs: policy.tickMs };
  const until = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, stopping.signal]);

  return {
    db,
    policy,
    lease: async (request, signal) => {
      await knownWorker(db.kysely, request);
      await seen(db.kysely, policy, { ...request, asksMs: request.waitMs });
      const look = async (): Promise<{ found: Lease } | { againInMs: number | null }> => {
        const { lease, againInMs } = await claim(db, policy, request);
        return lease === null ? { againInMs } : { found: await withAccess(db, vault, lease) };
      };
      try {
        return await longPoll({ ...poll, topic: 'work', waitMs: request.waitMs, signal: until(signal), look });
      } finally {
        await seen(db.kysely, policy, { ...request, asksMs: 0 });
      }
    },
    commands: async (request, signal) => {
      await knownWorker(db.kysely, request);
      await seen(db.kysely, policy, request);
      const look = async (): Promise<{ found: Commands } | { againInMs: null }> => {
        const commands = await readCommands(db, vault, request.workerId);
        return commands.version === request.known ? { againInMs: null } : { found: commands };
      };
      const { waitMs } = request;
      const changed = await longPoll({ ...poll, topic: 'commands', waitMs, signal: until(signal), look });
      return changed ?? readCommands(db, vault, request.workerId);
    },
    call: async (question, signal) => {
      const { callId, worker } = await ask(db, vault, question);
      try {
        const look = async (): Promise<{ found: Awaited<ReturnType<typeof readAnswer>> } | { againInMs: null }> => {
          const found = await readAnswer(db, callId);
          return found === undefined ? { againInMs: null } : { found };
        };
        const waitMs = policy.callMs * (question.patience ?? 1);
        const said = await longPoll({ ...poll, topic: 'call', waitMs, signal: until(signal), look });
        if (said === null || said === undefined) {
          throw new WherryError('migration.call_timeout', { worker, seconds: Math.round(waitMs / 1000) });
        }
        if (said.error !== null) throw fromStored(said.error);
        return said.result;
      } finally {
        await dropCall(db, callId);
      }
    },
    answer: (said) => answer(db, said),
    vault,
    accessOf: (source, query) => accessOf(db, vault, source, query),
    stop: async () => {
      stopping.abort();
      waker.stop();
      await ticking;
    },
  };
}

async function runClock(db: Db, policy: Policy, signal: AbortSignal, onError: (error: unknown) => void): Promise<void> {
  const tellOfWorkers = watchWorkers(db);
  for (let beat = 0; !signal.aborted; beat += 1) {
    try {
      await tick(db, policy);
      await tellOfWorkers();
      if (beat % 600 === 0) {
        await forgetOldRequests(db);
        await forgetSourceQueries(db);
      }
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    await sleep(policy.tickMs, undefined, { signal }).catch(() => undefined);
  }
}
