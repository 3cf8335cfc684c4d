/**
 * Threads for what takes CPU time: hashing, inflating. Measured on 2 cores: hashing on the main thread stops everything else
 * (1.6 GiB/s of it), `subtle.digest` still keeps it half busy with copying, threads over shared memory leave it 95 % free. A
 * grain inflated here costs 75 µs of CPU, by zlib's asynchronous call 120 (its buffers travel between threads).
 * All copies of a process share the threads; they end a little after the last user, because starting them takes 0.1 s.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { SharedBuffer } from './memory.ts';

/** A buffer as a thread is told of it: nothing is copied. */
export type Place = { readonly memory: SharedArrayBuffer; readonly offset: number; readonly length: number };
export type DigestJob = { readonly kind: 'digest'; readonly content: Place };
export type InflateJob = {
  readonly kind: 'inflate';
  readonly stored: Place;
  readonly into: Place;
  readonly grainBytes: number;
  /** `from` and `length` in `stored`; bytes `[skip, wanted)` of the content go to `to` in `into`, as far as that reaches. */
  readonly grains: readonly {
    readonly from: number;
    readonly length: number;
    readonly to: number;
    readonly skip: number;
    readonly wanted: number;
  }[];
};
/** `index` of the grain; it inflated to `length` bytes, or not at all. */
export type InflateFailure = { readonly index: number; readonly length?: number; readonly cause?: string };
export type Work = { readonly id: number; readonly job: DigestJob | InflateJob };

export type Threads = Disposable & {
  /** SHA-256. */
  digest(content: SharedBuffer): Promise<Buffer>;
  /** Null when all grains are where they belong. */
  inflate(job: InflateJob): Promise<InflateFailure | null>;
};

type Answer = { readonly id: number; readonly answer: Uint8Array | InflateFailure | null };
type Job = { readonly resolve: (answer: Answer['answer']) => void; readonly reject: (error: unknown) => void };
type Thread = { readonly worker: Worker; readonly jobs: Map<number, Job> };

const maxThreads = 4;
let users = 0;
let threads: Thread[] = [];
let nextId = 0;
let ending: NodeJS.Timeout | undefined;
/** How long threads without a user are kept; they do not keep the process. */
const keptMs = 3_000;
/** Inflated grains are garbage at once: collected early, a thread holds few of them. */
const maxYoungGenerationSizeMb = 2;

export function placeOf({ buffer: memory, byteOffset: offset, length }: SharedBuffer): Place {
  return { memory, offset, length };
}

/** Starts the threads with the first user. Memory: about 10 MB per thread. */
export function openThreads(): Threads {
  users += 1;
  clearTimeout(ending);
  for (const thread of threads) thread.worker.ref();
  if (threads.length === 0) {
    const count = Math.min(maxThreads, availableParallelism());
    threads = Array.from({ length: count }, startThread);
  }
  let open = true;
  const run = (job: Work['job']): Promise<Answer['answer']> =>
    open ? submit(job) : Promise.reject(new Error('the threads are closed'));
  return {
    async digest(content) {
      const answer = await run({ kind: 'digest', content: placeOf(content) });
      if (!(answer instanceof Uint8Array)) throw new Error('a thread gave no digest');
      return Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
    },
    async inflate(job) {
      const answer = await run(job);
      if (answer instanceof Uint8Array) throw new Error('a thread gave a digest');
      return answer;
    },
    [Symbol.dispose]: () => {
      if (!open) return;
      open = false;
      users -= 1;
      if (users > 0) return;
      for (const thread of threads) thread.worker.unref();
      ending = setTimeout(endThreads, keptMs).unref();
    },
  };
}

function endThreads(): void {
  for (const thread of threads) void thread.worker.terminate();
  threads = [];
}

function startThread(): Thread {
  const options = { execArgv: [], resourceLimits: { maxYoungGenerationSizeMb } };
  const worker = new Worker(new URL('./thread.ts', import.meta.url), options);
  const thread: Thread = { worker, jobs: new Map() };
  worker.on('message', ({ id, answer }: Answer) => {
    const job = thread.jobs.get(id);
    thread.jobs.delete(id);
    job?.resolve(answer);
  });
  const fail = (error: unknown): void => {
    threads = threads.filter((other) => other !== thread);
    for (const job of thread.jobs.values()) job.reject(error);
    thread.jobs.clear();
  };
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('a thread ended')));
  return thread;
}

function submit(job: Work['job']): Promise<Answer['answer']> {
  const [first, ...rest] = threads;
  if (first === undefined) return Promise.reject(new Error('all threads have ended'));
  const thread = rest.reduce((least, other) => (other.jobs.size < least.jobs.size ? other : least), first);
  const { promise, resolve, reject } = Promise.withResolvers<Answer['answer']>();
  nextId += 1;
  thread.jobs.set(nextId, { resolve, reject });
  thread.worker.postMessage({ id: nextId, job } satisfies Work, []);
  return promise;
}
