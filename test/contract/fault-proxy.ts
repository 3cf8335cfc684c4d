/**
 * Stands between our vSphere client and a peer, with a certificate of its own: counts what is asked, and on demand refuses,
 * cuts off, garbles or holds back answers.
 */
import { createServer, request as send, Agent } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeCertificate, type TestCertificate } from '../peers/vcsim/certificate.ts';
import { fingerprintOf } from '../peers/vcsim/vcsim.ts';

export type Fault =
  | { readonly kind: 'status'; readonly status: number }
  /** The connection breaks after so many bytes of the answer's body. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** The answer ends there as if that were all. */
  | { readonly kind: 'truncate'; readonly afterBytes: number }
  | { readonly kind: 'answer'; readonly body: string }
  /** Silence after so many bytes; null: not even a status. */
  | { readonly kind: 'hang'; readonly afterBytes: number | null };

export type FaultProxy = AsyncDisposable & {
  readonly url: string;
  readonly sha256: string;
  /** Names of the methods that were called, in their order; paths of what is not SOAP. */
  readonly calls: readonly string[];
  count(method: string): number;
  /** What happens to a call from now on; null: nothing. */
  fault: (method: string) => Fault | null;
  /** A call goes on to the peer when this is through. */
  hold: (method: string) => Promise<void> | undefined;
  /** From now on another certificate is shown; open connections break. */
  changeCertificate(): Promise<string>;
};

export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  let certificate: TestCertificate = await makeCertificate();
  const calls: string[] = [];
  // The peer's own certificate is not what is tested here.
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  const server = createServer({ cert: certificate.certificate, key: certificate.key }, (incoming, answer) => {
    serve(incoming, answer).catch(() => answer.destroy());
  });
  const proxy: FaultProxy = {
    url: '',
    sha256: fingerprintOf(certificate.certificate),
    calls,
    count: (method) => calls.filter((call) => call === method).length,
    fault: () => null,
    hold: () => undefined,
    changeCertificate: async () => {
      certificate = await makeCertificate();
      server.setSecureContext({ cert: certificate.certificate, key: certificate.key });
      server.closeAllConnections();
      return fingerprintOf(certificate.certificate);
    },
    [Symbol.asyncDispose]: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const serve = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const body = await textOf(incoming);
    const method = /<soapenv:Body><(\w+)/.exec(body)?.[1] ?? incoming.url ?? '';
    calls.push(method);
    await proxy.hold(method);
    const fault = proxy.fault(method);
    if (fault?.kind === 'status') return void answer.writeHead(fault.status).end('<html>no</html>');
    if (fault?.kind === 'answer') return void answer.writeHead(200).end(fault.body);
    if (fault?.kind === 'hang' && fault.afterBytes === null) return;
    const up = send(`${upstream}${incoming.url ?? ''}`, {
      agent,
      method: incoming.method ?? 'GET',
      headers: { ...incoming.headers, host: new URL(upstream).host },
    });
    answer.on('close', () => up.destroy());
    up.on('error', () => answer.destroy());
    up.on('response', (from) => {
      // Of its own length: a shortened answer must not look shortened.
      const { 'content-length': _length, 'transfer-encoding': _encoding, ...headers } = from.headers;
      answer.writeHead(from.statusCode ?? 502, headers);
      let left = fault !== null && 'afterBytes' in fault ? (fault.afterBytes ?? 0) : Number.POSITIVE_INFINITY;
      from.on('data', (chunk: Buffer) => {
        if (left <= 0) return;
        answer.write(chunk.subarray(0, Math.min(left, chunk.length)));
        left -= chunk.length;
        if (left > 0) return;
        from.destroy();
        if (fault?.kind === 'cut') setTimeout(() => answer.destroy(), 20);
        else if (fault?.kind === 'truncate') answer.end();
      });
      from.on('end', () => {
        if (left > 0) answer.end(); // else the fault has decided what becomes of it
      });
    });
    up.end(body);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(proxy, { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}
