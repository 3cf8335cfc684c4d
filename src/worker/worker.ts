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
  ChunksRequest,
  Commands,
  Finish,
  HeartbeatAnswer,
  Hello,
  HelloAnswer,
  Lease,
  LeaseAnswer,
  Outcome,
} from '../migration/protocol.ts';
import { protocolVersion } from '../migration/protocol-version.ts';
import { WherryError, toStored } from '../model/errors.ts';
import { newId } from '../model/ids.ts';
import { type Attempt, addLog, forget, newAttempt, report } from './attempts.ts';
import { type ChildEnd, startStepChild } from './child-process.ts';
import { type Children, keepChildren, type Run } from './children.ts';
import { machineMs } from './gate.ts';
import { type Heart, startHeart } from './heart.ts';
import { identityOf } from './identity.ts';
import { type ServerAddress, connectLink } from './link.ts';
import { createWorkerLimits } from './limits.ts';
import type { FromChild } from './messages.ts';
import { becomeWorkerOf } from './pid-file.ts';
import { endStrays } from './strays.ts';
import { createSweeper, sweepCalls } from './sweep.ts';
import { answerUpload, type FetchPart, isUpload } from './uploads.ts';
import { keepWatches } from './watches.ts';

export type WorkerOptions = {
  readonly server: ServerAddress;
  /** Where its identity and the private directories of VM migrations live. */
  readonly home: string;
  readonly version: string;
  /** VM migrations at once. */
  readonly capacity: number;
  /** Ends by itself when no server has answered for this long: nobody may ever come back for a built-in worker. */
  readonly orphanAfterMs?: number;
  /** Removes what a target copy has outside its private directory, before that is removed. */
  readonly removeTraces?: (directory: string) => Promise<void>;
  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void;
};

const longPollMs = 20_000;
/** Who looks at a migration sees it move at least this often; each costs the server a small transaction. */
const newsMs = 1_000;
const sweepMs = 10 * 60_000;
/** A server that ends at the same time, or is away, must not keep us. */
const lastWordsMs = 2_000;

/**
 * Runs until `signal` aborts, or another process becomes this worker; then kills what it runs and resolves.
 * @throws worker.already_running when its home has a worker
 */
export async function runWorker(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const other = await becomeWorkerOf(options.home);
  if ('heldBy' in other) throw new WherryError('worker.already_running', { home: options.home, pid: other.heldBy });
  try {
    await work(options, signal);
  } finally {
    other.release();
  }
}

async function work(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const link = await connectLink(options.server, (why) =>
    options.log('warn', 'the server does not answer; trying on', { why }),
  );
  const workerId = await identityOf(options.home);
  const bootId = randomUUID();
  const me = { workerId, bootId };
  /** The child of each attempt, by token. */
  const attempts = new Map<string, Run>();
  const calls = new Set<string>();
  const limits = createWorkerLimits();
  const knowsLimits = Promise.withResolvers<void>();

  const root = `${options.home}/vm-migrations`;
  const directoryOf = (id: string): string => `${root}/${id}`;
  await mkdir(root, { recursive: true, mode: 0o700 });
  if (process.getuid?.() !== 0) await endStrays(`${root}/`); // an earlier process's
  await sweepCalls(root);

  const hello: Hello = {
    ...me,
    name: hostname(),
    host: hostname(),
    user: userInfo().username,
    version: options.version,
    protocol: protocolVersion,
  };
  const greet = (): Promise<HelloAnswer> =>
    sweeper.sweep((directories) => link.insist<HelloAnswer>('hello', { ...hello, directories }, signal));

  const finishing = new Set<Promise<void>>();
  const finish = (attempt: Attempt, outcome: Outcome): void => {
    const said: Promise<void> = tellEnd(attempt, outcome).finally(() => finishing.delete(said));
    finishing.add(said);
  };
  const tellEnd = async (attempt: Attempt, outcome: Outcome): Promise<void> => {
    if (attempt.finishing) return;
    attempt.finishing = true;
    const body: Finish = { report: report(attempt, true), outcome };
    try {
      await link.insist('finish', body, signal);
    } catch (error) {
      // We are asked to end, and a server that is stopped in order still listens.
      if (signal.aborted) await link.insist('finish', body, AbortSignal.timeout(lastWordsMs)).catch(() => undefined);
      else options.log('warn', 'the server refused the end of an attempt', { error: String(error) });
    }
    dropAttempt(attempt);
  };
  const dropAttempt = (attempt: Attempt): void => {
    const run = attempts.get(attempt.token);
    attempts.delete(attempt.token);
    run?.attempts.delete(attempt);
    if (run !== undefined && run.attempts.size === 0) children.idle(run);
  };

  const fromChild = (run: Run, message: FromChild): void => {
    if (message.kind === 'started' || message.kind === 'answer') return;
    const attempt = [...run.attempts].find(({ token }) => token === message.token);
    if (attempt === undefined) return;
    const relay = async (path: string, body: unknown, request: number): Promise<void> => {
      try {
        const value = await link.insist(path, body, signal);
        run.child.send({ kind: 'reply', request, value });
      } catch (error) {
        run.child.send({ kind: 'reply', request, error: toStored(error) });
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
        void relay('chunks', chunksRequestOf(message), message.request);
        break;
      case 'take':
        void limits
          .take(attempt.limitKeys, message.bytes, run)
          .then(() => run.child.send({ kind: 'reply', request: message.request }))
          .catch(() => undefined);
        break;
      case 'finish':
        finish(attempt, message.outcome);
        break;
      default:
        message satisfies never;
    }
  };

  const children: Children = keepChildren({
    directoryOf,
    onMessage: fromChild,
    onOutput: ({ targetCopyId }, text) => options.log('info', text, { targetCopyId }),
    onEnd: (run, end) => {
      limits.leave(run);
      // When we are to end we ended it ourselves: what it did is given back, and nothing is held against it.
      const lost: Outcome = { kind: 'lost', error: toStored(childDied(end)) };
      for (const attempt of run.attempts) finish(attempt, signal.aborted ? { kind: 'released' } : lost);
    },
  });

  const sweeper = createSweeper(root, children, options.removeTraces ?? (async () => undefined), (id, error) =>
    options.log('warn', 'what an ended migration left here could not be removed', { id, error: String(error) }),
  );

  const begin = async (lease: Lease): Promise<void> => {
    if (attempts.has(lease.token)) return; // the answer to a repeated request
    sweeper.begins(lease.vmMigration.targetCopyId);
    await knowsLimits.promise; // nothing is copied before it is known how fast
    const id = lease.vmMigration.targetCopyId;
    const run = await children.of(id);
    attempts.set(lease.token, run);
    run.attempts.add(newAttempt(lease));
    run.child.send({ kind: 'step', lease, directory: directoryOf(id) });
  };

  const every = (): Attempt[] => [...new Set(attempts.values())].flatMap((run) => [...run.attempts]);
  const attemptOf = (token: string): Attempt | undefined => every().find((attempt) => attempt.token === token);
  const orphaned = Promise.withResolvers<void>();
  const terms = await greet();
  options.log('info', 'worker is connected', { workerId, leaseMs: terms.leaseMs, heartbeatMs: terms.heartbeatMs });

  let openUntilMs = Number.NEGATIVE_INFINITY;
  const tellGate = (): void =>
    children.tell({ kind: 'gate', openUntilMs, silentUntilMs: machineMs() + (terms.leaseMs * 5) / 6 });
  let lastAnswerAt = performance.now();

  const heart: Heart = startHeart({
    leaseMs: terms.leaseMs,
    heartbeatMs: terms.heartbeatMs,
    newsMs: Math.min(newsMs, terms.heartbeatMs),
    reports: () => every().flatMap((attempt) => (attempt.finishing ? [] : [report(attempt)])),
    send: (reports) =>
      link.ask<HeartbeatAnswer>('heartbeat', { ...me, attempts: reports }, signal, terms.heartbeatMs * 2),
    accepted: (answer, reports) => {
      lastAnswerAt = performance.now();
      for (const said of reports) {
        const attempt = attemptOf(said.token);
        if (attempt !== undefined) forget(attempt, said);
      }
      for (const { token, state } of answer.attempts) if (state === 'stale') stopStale(token);
    },
    unanswered: (_reports, error) => {
      options.log('warn', 'a heartbeat was not answered', { error: String(error) });
      if (performance.now() - lastAnswerAt > (options.orphanAfterMs ?? Number.POSITIVE_INFINITY)) orphaned.resolve();
    },
    allow: (untilMs) => {
      openUntilMs = untilMs;
      tellGate();
    },
    gate: (open) =>
      options.log(
        open ? 'info' : 'warn',
        open ? 'acting outside goes on' : 'acting outside is paused: heartbeats go unanswered',
      ),
  });

  const stopStale = (token: string): void => {
    const run = attempts.get(token);
    const attempt = attemptOf(token);
    // One that is just ending was told to the server already; whoever asked after it only came too late.
    if (run === undefined || attempt === undefined || attempt.finishing) return;
    attempts.delete(token);
    run.attempts.delete(attempt);
    // Somebody else may have this step by now: nothing of it may go on here, not even for the time a polite stop takes.
    void children.end(run);
  };

  /** A server that does not know us (its database is another one, or an older state of it) is greeted again. */
  const known = async <T>(ask: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof WherryError) || error.code !== 'migration.worker_unknown') throw error;
        options.log('warn', 'the server does not know this worker: it introduces itself again');
        await greet();
      }
    }
  };

  const leaseLoop = async (): Promise<void> => {
    while (!signal.aborted) {
      const load = children.count();
      const request = { ...me, requestId: newId(), load, waitMs: longPollMs };
      const answer = await known(() => link.insist<LeaseAnswer>('lease', request, signal));
      if (answer.lease !== null) await begin(answer.lease);
      else if (load >= options.capacity) await sleep(200, undefined, { signal }).catch(() => undefined);
    }
  };

  const commandsLoop = async (): Promise<void> => {
    let version = '';
    while (!signal.aborted) {
      const request = { ...me, known: version, waitMs: longPollMs };
      const commands = await known(() => link.insist<Commands>('commands', request, signal));
      version = commands.version;
      for (const token of commands.cancel) attempts.get(token)?.child.send({ kind: 'cancel', token });
      limits.set(commands.limits);
      children.tell({ kind: 'limits', limits: commands.limits });
      knowsLimits.resolve();
      for (const call of commands.calls) if (!calls.has(call.id)) void answerCall(call);
      watches.set(commands.watches);
    }
  };

  const watches = keepWatches({
    link,
    me,
    directoryOf,
    log: (level, text, fields) => options.log(level, text, fields),
    childDied,
  });

  /** Questions look at foreign images too: each gets a child of its own, and is forgotten with it. */
  const answerCall = async (call: Commands['calls'][number]): Promise<void> => {
    calls.add(call.id);
    if (isUpload(call.method)) {
      const fetchPart: FetchPart = (partId, during) => link.stream('part', { partId }, during);
      const answer = await answerUpload(call.method, call.params, fetchPart, signal).then(
        (result): CallAnswer => ({ callId: call.id, result, error: null }),
        (error: unknown): CallAnswer => ({ callId: call.id, result: null, error: toStored(error) }),
      );
      await link.insist('answer', answer, signal).catch(() => undefined);
      calls.delete(call.id);
      return;
    }
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
    child.send({ kind: 'call', ...call });
    const answer = await promise;
    await child.kill();
    await rm(directory, { recursive: true, force: true });
    await link.insist('answer', answer, signal).catch(() => undefined);
    calls.delete(call.id);
  };

  const alive = setInterval(tellGate, terms.heartbeatMs);
  const sweeps = setInterval(() => void greet().catch(() => undefined), sweepMs);
  try {
    await Promise.race([Promise.all([leaseLoop(), commandsLoop()]), aborted(signal), orphaned.promise]);
  } catch (error) {
    // Whoever replaced us has our steps: all that is left to do is to end at once.
    if (!(error instanceof WherryError) || error.code !== 'migration.worker_replaced') throw error;
    options.log('warn', error.message);
  } finally {
    clearInterval(alive);
    clearInterval(sweeps);
    heart.stop();
    await Promise.all([children.endAll(), watches.endAll()]);
    await Promise.allSettled(finishing);
    link.close();
  }
}

function chunksRequestOf({
  token,
  diskId,
  startOver,
  identity,
}: Extract<FromChild, { kind: 'chunks' }>): ChunksRequest {
  const anew = startOver === undefined ? {} : { startOver: true, why: startOver };
  return { token, diskId, ...anew, ...(identity === undefined ? {} : { identity }) };
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
