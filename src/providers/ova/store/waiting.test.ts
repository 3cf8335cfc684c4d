/** Whoever waits for a connection is not late: the time of a request begins when it is sent. */
import { createServer, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { X509Certificate } from 'node:crypto';
import { makeCertificate } from '../../../../test/peers/vcsim/certificate.ts';
import { addressOf } from './address.ts';
import { webServer } from './http-server.ts';

afterEach(() => {
  vi.useRealTimers();
});

const mib = 2 ** 20;
const connections = 4;

/** Parts of a file that are answered only when the test says so. */
function heldAnswers() {
  const held: { range: string; response: ServerResponse }[] = [];
  const answer = ({ range, response }: (typeof held)[number]): void => {
    const [, from = '0', to = '0'] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
    const headers = { 'content-range': `bytes ${from}-${to}/${16 * mib}`, etag: '"one"' };
    response.writeHead(206, headers).end(Buffer.alloc(Number(to) - Number(from) + 1, 'x'));
  };
  return {
    take: (range: string, response: ServerResponse): void => {
      if (range === 'bytes=0-0') answer({ range, response });
      else held.push({ range, response });
    },
    count: () => held.length,
    answerAll: () => {
      for (const one of held.splice(0)) answer(one);
    },
  };
}

test.each(['http', 'https'] as const)('parts over %s wait behind slow ones for as long as it takes', async (scheme) => {
  const held = heldAnswers();
  const { certificate, key } = await makeCertificate();
  const sha256 = new X509Certificate(certificate).fingerprint256.replaceAll(':', '').toLowerCase();
  const make = scheme === 'http' ? createServer : createTlsServer.bind(null, { cert: certificate, key });
  const server = make((request, response) => held.take(request.headers.range ?? '', response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const location = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/disk.raw`;
    using web = webServer({ type: 'ova', location, trust: { kind: 'pinned', sha256 } }, {});
    const { remote } = await web.open(addressOf(new URL(location)), new AbortController().signal);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const parts = Array.from({ length: 2 * connections }, (_, index) =>
      remote.read(index * mib, mib, new AbortController().signal),
    );
    const read = Promise.all(parts);
    read.catch(() => undefined); // awaited below, unless something else fails first
    // Each round is shorter than a request may take; together they are longer.
    for (const round of [1, 2]) {
      await vi.waitUntil(() => held.count() === connections, { timeout: 20_000, interval: 20 });
      await vi.advanceTimersByTimeAsync(50_000);
      expect([round, held.count()]).toEqual([round, connections]);
      held.answerAll();
    }
    expect((await read).map((part) => part.length)).toEqual(parts.map(() => mib));
    // The control: one that was sent and is not answered is late.
    const silent = remote.read(12 * mib, mib, new AbortController().signal);
    const told = silent.then(
      () => 'read',
      ({ code }: { code?: string }) => code,
    );
    await vi.waitUntil(() => held.count() === 1, { timeout: 20_000, interval: 20 });
    await vi.advanceTimersByTimeAsync(130_000);
    expect(await told).toMatch(/^provider\.(hangs|unreachable)$/);
  } finally {
    vi.useRealTimers();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
