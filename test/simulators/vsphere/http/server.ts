/** The HTTPS side: paths, cookies, bodies, and what goes wrong on demand. */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Certificate } from './certificate.ts';
import { serveFolder } from './folder.ts';
import { serveNfc } from './nfc.ts';
import { cutOff, play, type Troubles } from './trouble.ts';
import { sessionCookie, sessionOf } from './who.ts';
import { serviceVersions } from '../product.ts';
import { respond } from '../soap/dispatch.ts';
import type { World } from '../world.ts';

const largestBody = 8 * 1024 * 1024;

export type Running = {
  readonly port: number;
  /** Every request since the beginning, `POST /sdk RetrievePropertiesEx`. */
  readonly log: readonly string[];
  setCertificate(certificate: Certificate): void;
  /** Breaks every connection. */
  disconnect(): void;
  close(): Promise<void>;
};

export async function listen(world: World, troubles: Troubles, certificate: Certificate): Promise<Running> {
  const log: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer(tlsOf(certificate), (request, response) => {
    serve(world, troubles, log, request, response).catch(() => response.destroy());
  });
  server.on('secureConnection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  const port = await start(server);
  const disconnect = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    log,
    disconnect,
    setCertificate(next) {
      server.setSecureContext(tlsOf(next));
      disconnect();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        disconnect();
      }),
  };
}

const tlsOf = ({ key, certificate }: Certificate): { key: string; cert: string } => ({ key, cert: certificate });

const start = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });

async function serve(
  world: World,
  troubles: Troubles,
  log: string[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on('error', () => undefined);
  const url = new URL(request.url ?? '/', 'https://any');
  const isSdk = url.pathname === '/sdk' || url.pathname === '/sdk/';
  const body = isSdk && request.method === 'POST' ? await readBody(request) : '';
  const method = /<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)/.exec(body)?.[1] ?? '';
  log.push(`${request.method} ${url.pathname}${method === '' ? '' : ` ${method}`}`);
  const trouble = troubles.take(url.pathname, method);
  if (trouble !== null && (await play(trouble, request, response))) return;
  if (isSdk && request.method === 'POST') {
    await serveSdk(world, body, trouble?.kind === 'cut' ? (trouble.bytes ?? 100) : null, request, response);
  } else if (url.pathname === '/sdk/vimServiceVersions.xml' && request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/xml' });
    response.end(serviceVersions(world.product));
  } else if (url.pathname.startsWith('/folder/')) {
    await serveFolder(world, url, request, response);
  } else if (url.pathname.startsWith('/nfc/')) {
    await serveNfc(world, url.pathname, request, response);
  } else {
    response.writeHead(404, { 'content-type': 'text/plain' });
    response.end('404 Not Found');
  }
}

async function serveSdk(
  world: World,
  body: string,
  cutAfter: number | null,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const soapAction = request.headers['soapaction'];
  const answer = await respond(world, {
    body,
    soapAction: Array.isArray(soapAction) ? soapAction[0] : soapAction,
    session: sessionOf(world, request),
    userAgent: request.headers['user-agent'] ?? '',
    ipAddress: request.socket.remoteAddress ?? '',
    signal: gone.signal,
  });
  if (response.destroyed) return;
  const content = Buffer.from(answer.body);
  if (cutAfter !== null) return cutOff(response, content, cutAfter);
  const cookie =
    answer.session == null ? null : `${sessionCookie}="${answer.session.cookie}"; Path=/; HttpOnly; Secure; `;
  response.writeHead(answer.status, {
    'content-type': 'text/xml; charset=utf-8',
    'cache-control': 'no-cache',
    'content-length': content.length,
    ...(cookie === null ? {} : { 'set-cookie': cookie }),
  });
  response.end(content);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > largestBody) throw new Error('the request is too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
