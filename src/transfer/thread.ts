/** One of the threads of threads.ts: does what takes CPU time, in memory that it shares with the main thread. */
import { hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { inflateSync } from 'node:zlib';
import type { InflateFailure, InflateJob, Place, Work } from './threads.ts';

const view = ({ memory, offset, length }: Place): Buffer => Buffer.from(memory, offset, length);

/** Each grain into its place; the first that is not what it should be ends it. */
function inflate({ stored, into, grainBytes, grains }: InflateJob): InflateFailure | null {
  const from = view(stored);
  const to = view(into);
  for (const [index, grain] of grains.entries()) {
    const data = from.subarray(grain.from, grain.from + grain.length);
    try {
      // Room for a byte more than there may be, so that zlib sees the end without asking for another chunk.
      const content = inflateSync(data, { chunkSize: grainBytes + 64, maxOutputLength: grainBytes });
      if (content.length !== grainBytes && content.length !== grain.wanted) return { index, length: content.length };
      content.copy(to, grain.to, grain.skip, grain.wanted);
    } catch (error) {
      return { index, cause: error instanceof Error ? error.message : String(error) };
    }
  }
  return null;
}

const port = parentPort;
port?.on('message', ({ id, job }: Work) => {
  const answer = job.kind === 'digest' ? hash('sha256', view(job.content), 'buffer') : inflate(job);
  port.postMessage({ id, answer }, []);
});
