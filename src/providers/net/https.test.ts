import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { makeCertificate } from '../../../test/peers/vcsim/certificate.ts';
import { fingerprintOf } from '../../../test/peers/vcsim/vcsim.ts';
import { HttpsServer } from './https.ts';

/** More than all buffers between a server and its reader hold. */
const bodyBytes = 24 * 1024 * 1024;

test('a reader that takes its time is not taken for a server that falls silent; one that does is (control)', async () => {
  const { certificate, key } = await makeCertificate();
  const server = createServer({ cert: certificate, key }, (request, response) => {
    response.writeHead(200, { 'content-length': bodyBytes });
    response.on('error', () => undefined);
    const whole = request.url === '/whole';
    response.write(Buffer.alloc(whole ? bodyBytes : bodyBytes / 2));
    if (whole) response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const limits = { connectMs: 10_000, idleMs: 700, connections: 1 };
    using peer = new HttpsServer(url, { kind: 'pinned', sha256: fingerprintOf(certificate) }, limits);
    const read = async (path: string): Promise<number> => {
      const { chunks } = await peer.send({ method: 'GET', path, repeatable: true }, AbortSignal.timeout(30_000));
      let bytes = 0;
      for await (const chunk of chunks) {
        if (bytes === 0) await sleep(2_000);
        bytes += chunk.length;
      }
      return bytes;
    };
    expect(await read('/whole')).toBe(bodyBytes);
    await expect(read('/half')).rejects.toMatchObject({ code: 'provider.hangs' });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
