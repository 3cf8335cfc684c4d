/**
 * SHA-256 beside the main thread. Measured on 2 cores: hashing on the main thread stops everything else (1.6 GiB/s of it),
 * `subtle.digest` still keeps it half busy with copying, threads over shared memory leave it 95 % free. So leaf buffers lie
 * in shared memory and threads are told where. All copies of a process share the threads; they end with the last user.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { leafDigest } from './digest.ts';
import type { SharedBuffer } from './memory.ts';

export type Digester = Disposable & {
  /** SHA-256 of `content`, which must not change until it resolves. */
  digest(content: SharedBuffer): Promise<Buffer>;
};

type Job = { readonly resolve: (digest: Buffer) => void; readonly reject: (error: unknown) => void };
type Thread = { readonly worker: Worker; readonly jobs: Map<number, Job> };
type Answer = { readonly id: number; readonly digest: Uint8Array };

const maxThreads = 4;
let users = 0;
let threads: Thread[] = [];
let nextId = 0;

/** Starts the threads with the first user. Memory: about 10 MB per thread. */
export function openDigester(): Digester {
  users += 1;
  if (threads.length === 0) {
    const count = Math.min(maxThreads, availableParallelism());
    threads = Array.from({ length: count }, startThread);
  }
  let open = true;
  return {
    digest: (content) => (open ? submit(content) : Promise.reject(new Error('the digester is closed'))),
    [Symbol.dispose]: () => {
      if (!open) return;
      open = false;
      users -= 1;
      if (users > 0) return;
      for (const thread of threads) void thread.worker.terminate();
      threads = [];
    },
  };
}

function startThread(): Thread {
  const worker = new Worker(new URL('./digest-thread.ts', import.meta.url), { execArgv: [] });
  const thread: Thread = { worker, jobs: new Map() };
  worker.unref();
  worker.on('message', (answer: Answer) => {
    const job = thread.jobs.get(answer.id);
    thread.jobs.delete(answer.id);
    job?.resolve(Buffer.from(answer.digest.buffer, answer.digest.byteOffset, answer.digest.byteLength));
  });
  const fail = (error: unknown): void => {
    threads = threads.filter((other) => other !== thread);
    for (const job of thread.jobs.values()) job.reject(error);
    thread.jobs.clear();
  };
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('a digest thread ended')));
  return thread;
}

function submit(content: SharedBuffer): Promise<Buffer> {
  const [first, ...rest] = threads;
  // Threads can only be missing after one died; then the main thread hashes.
  if (first === undefined) return Promise.resolve(leafDigest(content));
  const thread = rest.reduce((least, other) => (other.jobs.size < least.jobs.size ? other : least), first);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  nextId += 1;
  thread.jobs.set(nextId, { resolve, reject });
  const { buffer: memory, byteOffset: offset, length } = content;
  thread.worker.postMessage({ id: nextId, memory, offset, length }, []);
  return promise;
}
