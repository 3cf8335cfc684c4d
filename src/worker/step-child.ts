/**
 * The inside of the child process: runs the steps and calls it is sent, and talks to nobody but the worker. Steps of one
 * VM migration may run side by side here (copy and conversion).
 */
import { flushCompileCache } from 'node:module';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChunksAnswer, Lease, Outcome } from '../migration/protocol.ts';
import type { Step, StepContext } from '../migration/step.ts';
import { vmNameOf } from '../migration/vm-name.ts';
import { failPoint } from '../model/fail-points.ts';
import {
  catalogue,
  type ErrorEntry,
  type ErrorParams,
  explain,
  fromStored,
  located,
  toStored,
  WherryError,
} from '../model/errors.ts';
import { asStorageAway } from '../model/system-errors.ts';
import type { Providers } from '../providers/provider.ts';
import { call } from './calls.ts';
import { lookedAtAgain, permitSource, permitTarget, targetLookedAtAgain } from './directories.ts';
import { createChildLimit, knownRates, type KnownRates, rateOver } from './child-limit.ts';
import { firstFailure } from './first-failure.ts';
import { machineMs, newActingGate } from './gate.ts';
import type { FromChild, ToChild } from './messages.ts';
import { scrubbed } from './scrub.ts';
import { watchOwnTree } from './strays.ts';

export type StepChildOptions = {
  /** All of them, loaded for the first step: a question needs none. */
  readonly steps: () => Promise<Readonly<Record<string, Step>>>;
  readonly providers: Providers;
};

export function runStepChild({ steps, providers }: StepChildOptions): void {
  const replies = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>();
  const running = new Map<string, AbortController>();
  const gate = newActingGate();
  let silentUntilMs = Number.POSITIVE_INFINITY;
  let requests = 0;
  const rates: KnownRates = { current: new Map() };
  const ask = (message: (request: number) => FromChild): Promise<unknown> => {
    const request = ++requests;
    return new Promise((resolve, reject) => {
      replies.set(request, { resolve, reject });
      say(message(request));
    });
  };

  const contextOf = (lease: Lease, directory: string, signal: AbortSignal): StepContext => {
    const { token } = lease;
    // Kept up to date: a step that is tried again within its attempt finds what it has made.
    const open = new Map(lease.ledger.map((row) => [row.id, row]));
    let { checkpoint } = lease;
    return {
      get lease() {
        return { ...lease, checkpoint, ledger: [...open.values()] };
      },
      signal,
      providers: reaching(providers, lease),
      directory,
      mayAct: () => gate.pass(signal),
      progress: (progress) => say({ kind: 'progress', token, progress }),
      journal: (entries) => say({ kind: 'journal', token, entries }),
      log: (level, text) => {
        const line = { time: new Date().toISOString(), level, text: scrubbed(text, lease.secrets) };
        say({ kind: 'log', token, line });
      },
      ledger: async (row) => {
        await ask((request) => ({ kind: 'ledger', token, request, row }));
        if (row.state === 'intended' || row.state === 'created') open.set(row.id, row);
        else open.delete(row.id);
      },
      checkpoint: async (value) => {
        await ask((request) => ({ kind: 'checkpoint', token, request, value }));
        checkpoint = value;
      },
      chunks: async (diskId, options = {}) => {
        const asked = (request: number): FromChild => ({ kind: 'chunks', token, request, diskId, ...options });
        const { chunks, startedOver } = (await ask(asked)) as ChunksAnswer;
        return { chunks, startedOver: startedOver ?? null };
      },
      limit: createChildLimit(
        () => rateOver(lease.limitKeys, rates),
        (bytes) => ask((request) => ({ kind: 'take', token, request, bytes })),
      ),
      failPoint,
    };
  };

  const runStep = async (lease: Lease, directory: string): Promise<void> => {
    const controller = new AbortController();
    running.set(lease.token, controller);
    const context = contextOf(lease, directory, controller.signal);
    let outcome: Outcome;
    try {
      const step = (await steps())[lease.step.name];
      if (step === undefined) throw new Error(`this worker knows no step ${lease.step.name}`);
      const result = await retrying(step, context);
      outcome = { kind: 'succeeded', result: result.skipped === true ? { skipped: true } : result.value };
    } catch (error) {
      outcome = controller.signal.aborted
        ? { kind: 'canceled' }
        : scrubbed(failure(located(error, placeOf(lease)), lease.step.name), lease.secrets);
      if (outcome.kind === 'failed' && outcome.error.code === 'internal') context.log('error', stackOf(error));
    }
    running.delete(lease.token);
    sayLast({ kind: 'finish', token: lease.token, outcome });
  };

  const answerCall = async ({ id, method, params, secrets }: Extract<ToChild, { kind: 'call' }>): Promise<void> => {
    try {
      const result = scrubbed(await call(providers, method, params, secrets), secrets);
      sayLast({ kind: 'answer', id, result, error: null });
    } catch (error) {
      const stored = toStored(located(error, { host: hostname(), worker: hostname() }));
      sayLast({ kind: 'answer', id, result: null, error: scrubbed(stored, secrets) });
    }
  };

  process.on('message', (received) => {
    const message = received as ToChild;
    switch (message.kind) {
      case 'step':
        void runStep(message.lease, message.directory);
        break;
      case 'cancel':
        running.get(message.token)?.abort(new Error('canceled'));
        break;
      case 'gate':
        gate.openUntil(message.openUntilMs);
        silentUntilMs = message.silentUntilMs;
        break;
      case 'limits':
        rates.current = knownRates(message.limits);
        break;
      case 'call':
        void answerCall(message);
        break;
      case 'reply': {
        const waiting = replies.get(message.request);
        replies.delete(message.request);
        if (message.error === undefined) waiting?.resolve(message.value);
        else waiting?.reject(fromStored(message.error));
        break;
      }
      default:
        message satisfies never;
    }
  });
  process.on('disconnect', () => process.exit(0));
  // A worker that hangs or is stopped can neither end us nor tell that our steps have been given to somebody else. As long
  // as we live we hold what others need (an image that qemu-nbd has locked); with us ends all that we started.
  setInterval(() => {
    if (machineMs() > silentUntilMs) process.exit(silentWorkerExit);
  }, silenceWatchMs).unref();
  watchOwnTree();
  say({ kind: 'started' });
}

const silenceWatchMs = 100;
/** EX_UNAVAILABLE. */
const silentWorkerExit = 69;

/** What can pass is tried again with back-off, for this long in all; a step looks before it creates, so that is safe. */
const retryWaitsMs = [250, 1_000, 4_000, 10_000, 30_000];
/** Nothing is lost yet, and a person may be waiting for the answer. */
const preflightWaitsMs = [250, 1_000];

async function retrying(step: Step, context: StepContext): ReturnType<Step> {
  const { lease } = context;
  const waitsMs = lease.step.name === 'preflight' ? preflightWaitsMs : retryWaitsMs;
  for (let attempt = 0; ; attempt++) {
    try {
      return await step(context);
    } catch (thrown) {
      const error = asStorageAway(firstFailure(thrown));
      const wait = waitsMs[attempt];
      if (wait === undefined || context.signal.aborted || !(error instanceof WherryError) || !error.passing)
        throw error;
      const { message } = explain(toStored(located(error, placeOf(lease))));
      context.log('warning', `${message}; trying again in ${wait / 1000} s`);
      await sleep(wait, undefined, { signal: context.signal });
    }
  }
}

/** What every error of a step may name, wherever it comes from. */
function placeOf({ vmMigration }: Lease): ErrorParams {
  return { vm: vmNameOf(vmMigration.spec, vmMigration.vm), host: hostname() };
}

const removing: ReadonlySet<string> = new Set(['undo', 'clean-up', 'finalize']);

/** Sources are opened with what the lease has for them: steps need not know of it. */
function reaching(providers: Providers, { account, secrets, accessError, restriction, step }: Lease): Providers {
  return {
    ...providers,
    openSource: async (spec, signal) => {
      if (accessError !== undefined) throw fromStored(accessError);
      const look = (): Promise<void> => permitSource(spec, restriction);
      await look();
      const source = await providers.openSource(spec, signal, account === undefined ? null : { account, secrets });
      return restriction === undefined ? source : lookedAtAgain(source, look);
    },
    openTarget: async (spec, signal) => {
      // What was made is removed even where nothing more may be made.
      if (restriction === undefined || removing.has(step.name)) return providers.openTarget(spec, signal);
      const look = (): Promise<void> => permitTarget(spec, restriction);
      await look();
      return targetLookedAtAgain(await providers.openTarget(spec, signal), look);
    },
  };
}

/**
 * Something that only this worker lacks is declined: another one may have it. What may come back by itself is a reason
 * to decline before anything was begun; afterwards the step is better tried again here, above all undoing.
 */
function failure(error: unknown, step: string): Outcome {
  const stored = toStored(error);
  const entry: ErrorEntry = catalogue[stored.code];
  const declines = entry.elsewhere === true && (entry.passing !== true || step === 'preflight');
  return { kind: declines ? 'declined' : 'failed', error: { ...stored, causes: [...stored.causes] } };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : JSON.stringify(error);
}

/** We may be killed for it, and what Node has compiled it keeps only at an end of our own. */
function sayLast(message: FromChild): void {
  flushCompileCache();
  say(message);
}

function say(message: FromChild): void {
  process.send?.(message, () => undefined);
}
