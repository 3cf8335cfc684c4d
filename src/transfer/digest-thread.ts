/** One hashing thread of digest-threads.ts. */
import { hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

type Request = {
  readonly id: number;
  readonly memory: SharedArrayBuffer;
  readonly offset: number;
  readonly length: number;
};

const port = parentPort;
port?.on('message', (request: Request) => {
  const digest = hash('sha256', Buffer.from(request.memory, request.offset, request.length), 'buffer');
  port.postMessage({ id: request.id, digest }, []);
});
