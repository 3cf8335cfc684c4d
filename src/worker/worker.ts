/**
 * The worker: asks for steps, runs each VM migration in a child process of its own, reports, obeys. It holds no state that
 * matters: everything durable is the server's, and everything it started dies with it.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  CallAnswer,
  Commands,
  Finish,
  HeartbeatAnswer,
  Hello,
  HelloAnswer,
  Lease,
  LeaseAnswer,
  Outcome,
} from '../migration/protocol.ts';
import { protocolVersion } from '../migration/protocol.ts';
import { WherryError, toStored } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import { type Attempt, addLog, forget, newAttempt, report } from './attempts.ts';
import { type ChildEnd, type StepChild, startStepChild } from './child-process.ts';
import { type Heart, startHeart } from './heart.ts';
import { identityOf } from './identity.ts';
import { type ServerAddress, connectLink } from './link.ts';
import type { FromChild } from './messages.ts';

export type WorkerOptions = {
  readonly server: ServerAddress;
  /** Where its identity and the private directories of VM migrations live. */
  readonly home: string;
  readonly version: string;
  /** VM migrations at once. */
  readonly capacity: number;
  /** Ends by itself when no server has answered for this long: nobody may ever come back for a built-in worker. */
  readonly orphanAfterMs?: number;
  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void;
};

type Running = { readonly child: StepChild; readonly attempts: Set<Attempt>; idleTimer: NodeJS.Timeout | undefined };

/** A child that has had no step for this long ends; the next step starts a new one. */
const idleChildMs = 5_000;
const longPollMs = 20_000;
/** Who looks at a migration sees it move at least this often; each costs the server a small transaction. */
const newsMs = 1_000;

/** Runs until `signal` aborts; then kills what it runs and resolves. */
export async function runWorker(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const link = await connectLink(options.server);
  const workerId = await identityOf(options.home);
  const bootId = randomUUID();
  const me = { workerId, bootId };
  const running = new Map<string, Running>();
  const attempts = new Map<string, Attempt>();
  const calls = new Set<string>();
  let gateOpen = true;
  let bandwidth: number | null = null;
  let wake = new AbortController();

  const directoryOf = (id: string): string => `${options.home}/vm-migrations/${id}`;
  await mkdir(`${options.home}/vm-migrations`, { recursive: true, mode: 0o700 });

  const hello: Hello = {
    ...me,
    name: hostname(),
    host: hostname(),
    user: userInfo().username,
    version: options.version,
    protocol: protocolVersion,
  };
  const terms = await link.insist<HelloAnswer>('hello', hello, signal);
  options.log('info', 'worker is connected', { workerId, ...terms });

  const finish = async (attempt: Attempt, outcome: Outcome): Promise<void> => {
    if (attempt.finishing) return;
    attempt.finishing = true;
    const body: Finish = { report: report(attempt, true), outcome };
    try {
      await link.insist('finish', body, signal);
    } catch (error) {
      if (!signal.aborted) options.log('warn', 'the server refused the end of an attempt', { error: String(error) });
    }
    dropAttempt(attempt);
  };
  const dropAttempt = (attempt: Attempt): void => {
    attempts.delete(attempt.token);
    const run = running.get(attempt.vmMigrationId);
    run?.attempts.delete(attempt);
    if (run !== undefined && run.attempts.size === 0) {
      run.idleTimer = setTimeout(() => void run.child.kill(), idleChildMs);
    }
    wake.abort();
  };

  const fromChild = (vmMigrationId: string, message: FromChild): void => {
    if (message.kind === 'started' || message.kind === 'answer') return;
    const attempt = attempts.get(message.token);
    if (attempt === undefined) return;
    const relay = async (path: string, body: unknown, request: number): Promise<void> => {
      const child = running.get(vmMigrationId)?.child;
      try {
        const value = await link.insist(path, body, signal);
        child?.send({ kind: 'reply', request, value });
      } catch (error) {
        child?.send({ kind: 'reply', request, error: toStored(error) });
      }
    };
    switch (message.kind) {
      case 'progress':
        attempt.progress = message.progress;
        heart.news();
        break;
      case 'journal':
        attempt.journal.push(...message.entries);
        break;
      case 'log':
        addLog(attempt, message.line);
        heart.news();
        break;
      case 'ledger':
        void relay('ledger', { token: message.token, row: message.row }, message.request);
        break;
      case 'checkpoint':
        void relay('checkpoint', { token: message.token, checkpoint: message.value }, message.request);
        break;
      case 'chunks':
        void relay('chunks', { token: message.token, diskId: message.diskId }, message.request);
        break;
      case 'finish':
        void finish(attempt, message.outcome);
        break;
      default:
        message satisfies never;
    }
  };

  const childOf = async (vmMigrationId: string): Promise<Running> => {
    const known = running.get(vmMigrationId);
    if (known !== undefined) {
      clearTimeout(known.idleTimer);
      return known;
    }
    await mkdir(directoryOf(vmMigrationId), { recursive: true, mode: 0o700 });
    const child = startStepChild({
      directory: directoryOf(vmMigrationId),
      onMessage: (message) => fromChild(vmMigrationId, message),
      onOutput: (text) => options.log('info', text, { vmMigrationId }),
    });
    const run: Running = { child, attempts: new Set(), idleTimer: undefined };
    running.set(vmMigrationId, run);
    child.send({ kind: 'gate', open: gateOpen });
    child.send({ kind: 'bandwidth', bytesPerSecond: bandwidth });
    void child.ended.then((end) => {
      if (running.get(vmMigrationId) === run) running.delete(vmMigrationId);
      clearTimeout(run.idleTimer);
      for (const attempt of run.attempts) {
        void finish(attempt, { kind: 'lost', error: toStored(childDied(end)) });
      }
    });
    return run;
  };

  const begin = async (lease: Lease): Promise<void> => {
    if (attempts.has(lease.token)) return; // the answer to a repeated request
    const id = lease.vmMigration.id;
    const run = await childOf(id);
    const attempt = newAttempt(lease.token, id);
    attempts.set(lease.token, attempt);
    run.attempts.add(attempt);
    run.child.send({ kind: 'step', lease, directory: directoryOf(id) });
  };

  const orphaned = Promise.withResolvers<void>();
  let lastAnswerAt = performance.now();

  const heart: Heart = startHeart({
    leaseMs: terms.leaseMs,
    heartbeatMs: terms.heartbeatMs,
    newsMs: Math.min(newsMs, terms.heartbeatMs),
    reports: () => [...attempts.values()].filter((attempt) => !attempt.finishing).map((attempt) => report(attempt)),
    send: (reports) =>
      link.ask<HeartbeatAnswer>('heartbeat', { ...me, attempts: reports }, signal, terms.heartbeatMs * 2),
    accepted: (answer, reports) => {
      lastAnswerAt = performance.now();
      for (const said of reports) {
        const attempt = attempts.get(said.token);
        if (attempt !== undefined) forget(attempt, said);
      }
      for (const { token, state } of answer.attempts) if (state === 'stale') stopStale(token);
    },
    unanswered: (_reports, error) => {
      options.log('warn', 'a heartbeat was not answered', { error: String(error) });
      if (performance.now() - lastAnswerAt > (options.orphanAfterMs ?? Number.POSITIVE_INFINITY)) orphaned.resolve();
    },
    gate: (open) => {
      gateOpen = open;
      options.log(
        open ? 'info' : 'warn',
        open ? 'acting outside goes on' : 'acting outside is paused: heartbeats go unanswered',
      );
      for (const run of running.values()) run.child.send({ kind: 'gate', open });
    },
  });

  const stopStale = (token: string): void => {
    const attempt = attempts.get(token);
    if (attempt === undefined) return;
    attempts.delete(token);
    const run = running.get(attempt.vmMigrationId);
    run?.attempts.delete(attempt);
    // Somebody else may have this step by now: nothing of it may go on here, not even for the time a polite stop takes.
    void run?.child.kill();
  };

  const leaseLoop = async (): Promise<void> => {
    while (!signal.aborted) {
      const load = running.size;
      const requestId = newId();
      wake = new AbortController();
      const request = { ...me, requestId, load, waitMs: longPollMs };
      const answer = await link.insist<LeaseAnswer>('lease', request, signal);
      if (answer.lease !== null) await begin(answer.lease);
      else if (load >= options.capacity) await sleep(200, undefined, { signal }).catch(() => undefined);
    }
  };

  const commandsLoop = async (): Promise<void> => {
    let known = '';
    while (!signal.aborted) {
      const commands = await link.insist<Commands>('commands', { ...me, known, waitMs: longPollMs }, signal);
      known = commands.version;
      for (const token of commands.cancel) {
        const attempt = attempts.get(token);
        if (attempt !== undefined) running.get(attempt.vmMigrationId)?.child.send({ kind: 'cancel', token });
      }
      if (commands.bytesPerSecond !== bandwidth) {
        bandwidth = commands.bytesPerSecond;
        for (const run of running.values()) run.child.send({ kind: 'bandwidth', bytesPerSecond: bandwidth });
      }
      for (const call of commands.calls) if (!calls.has(call.id)) void answerCall(call);
    }
  };

  /** Questions look at foreign images too: each gets a child of its own, and is forgotten with it. */
  const answerCall = async (call: Commands['calls'][number]): Promise<void> => {
    calls.add(call.id);
    const directory = directoryOf(`call-${call.id}`);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const { promise, resolve } = Promise.withResolvers<CallAnswer>();
    const child = startStepChild({
      directory,
      onMessage: (message) => {
        if (message.kind === 'answer') resolve({ callId: call.id, result: message.result, error: message.error });
      },
      onOutput: (text) => options.log('info', text, { call: call.method }),
    });
    void child.ended.then((end) => resolve({ callId: call.id, result: null, error: toStored(childDied(end)) }));
    child.send({ kind: 'call', id: call.id, method: call.method, params: call.params });
    const answer = await promise;
    await child.kill();
    await rm(directory, { recursive: true, force: true });
    await link.insist('answer', answer, signal).catch(() => undefined);
    calls.delete(call.id);
  };

  try {
    await Promise.race([Promise.all([leaseLoop(), commandsLoop()]), aborted(signal), orphaned.promise]);
  } finally {
    heart.stop();
    await Promise.all([...running.values()].map((run) => run.child.kill()));
    link.close();
  }
}

/** What it said last is the cause: "out of memory" is there and nowhere else. */
function childDied({ how, lastWords }: ChildEnd): WherryError {
  const host = hostname();
  return new WherryError('worker.child_died', { how, host }, lastWords === '' ? undefined : new Error(lastWords));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
