import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { makeCertificate } from '../../../test/peers/vcsim/certificate.ts';
import { fingerprintOf } from '../../../test/peers/vcsim/vcsim.ts';
import { HttpsServer } from './https.ts';

/** More than all buffers between a server and its reader hold. */
const bodyBytes = 24 * 1024 * 1024;

/** One connection to a server that answers so, which is patient for 700 ms. */
async function peerOf(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<HttpsServer> {
  const { certificate, key } = await makeCertificate();
  const server = createServer({ cert: certificate, key }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const limits = { connectMs: 10_000, idleMs: 700, connections: 1 };
  const peer = new HttpsServer(url, { kind: 'pinned', sha256: fingerprintOf(certificate) }, limits);
  onTestFinished(async () => {
    peer[Symbol.dispose]();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return peer;
}

const halfOrWhole = (request: IncomingMessage, response: ServerResponse): void => {
  response.writeHead(200, { 'content-length': bodyBytes });
  response.on('error', () => undefined);
  const whole = request.url === '/whole';
  response.write(Buffer.alloc(whole ? bodyBytes : bodyBytes / 2));
  if (whole) response.end();
};

/** All of it, with a pause after the first bytes. */
async function read(peer: HttpsServer, path: string, pause: Promise<unknown>): Promise<number> {
  const { chunks } = await peer.send({ method: 'GET', path, repeatable: true }, AbortSignal.timeout(30_000));
  let bytes = 0;
  for await (const chunk of chunks) {
    if (bytes === 0) await pause;
    bytes += chunk.length;
  }
  return bytes;
}

test('a reader that takes its time is not taken for a server that falls silent; one that does is (control)', async () => {
  const peer = await peerOf(halfOrWhole);
  expect(await read(peer, '/whole', sleep(2_000))).toBe(bodyBytes);
  await expect(read(peer, '/half', sleep(2_000))).rejects.toMatchObject({ code: 'provider.hangs' });
});

test('a request that waits for a connection is not one that gets no answer, however long; but not for ever', async () => {
  const peer = await peerOf(halfOrWhole);
  /** Takes the only connection, and gives it back when it is asked to. */
  const hold = async (): Promise<() => Promise<unknown>> => {
    const { chunks } = await peer.send(
      { method: 'GET', path: '/whole', repeatable: true },
      AbortSignal.timeout(30_000),
    );
    const reader = chunks[Symbol.asyncIterator]();
    await reader.next();
    return async () => reader.return?.();
  };
  const giveBack = await hold();
  const waiting = read(peer, '/whole', Promise.resolve());
  waiting.catch(() => undefined); // judged below
  await sleep(2_000); // three times what the server may be silent for
  await giveBack();
  expect(await waiting).toBe(bodyBytes);

  const giveBackAgain = await hold();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const late = peer.send({ method: 'GET', path: '/whole', repeatable: true }, new AbortController().signal);
  late.catch(() => undefined); // judged below
  vi.advanceTimersByTime(600_000);
  await expect(late).rejects.toMatchObject({ code: 'provider.hangs', params: { seconds: 600 } });
  vi.useRealTimers();
  await giveBackAgain();
});
