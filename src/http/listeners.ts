/**
 * Where the application is reached: a unix socket (0600: whoever may open it is an administrator) and a TCP port. Plain
 * HTTP only inside this machine; elsewhere with a certificate.
 */
import { chmod, readFile, rm } from 'node:fs/promises';
import type { RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type Config, isLoopback } from '../config.ts';
import { WherryError } from '../model/errors.ts';
import { createServer } from '../process/node-http.ts';

export type Listeners = {
  /** "http://127.0.0.1:7117", null when there is no port. */
  readonly address: string | null;
  readonly socketPath: string;
  /** No new connections; those that are idle end now, the others within `graceMs`. */
  close(graceMs?: number): Promise<void>;
};

const localSockets = new WeakSet<Socket>();

/** Whether a request came over the unix socket. */
export function isLocalSocket(socket: Socket): boolean {
  return localSockets.has(socket);
}

/** @throws server.tls_required, server.listen */
export async function startListeners(
  handle: RequestListener,
  socketPath: string,
  { listen, tls }: Pick<Config, 'listen' | 'tls'>,
): Promise<Listeners> {
  if (listen !== null && tls === null && !isLoopback(listen.host)) {
    throw new WherryError('server.tls_required', { address: `${listen.host}:${listen.port}` });
  }
  const servers: Server[] = [];
  const close = async (graceMs = 2_000): Promise<void> => {
    await Promise.all(servers.map((server) => closeServer(server, graceMs)));
  };
  try {
    const local = createServer(handle);
    local.on('connection', (socket) => localSockets.add(socket));
    servers.push(local);
    await rm(socketPath, { force: true }); // of a server that was killed: we hold the lock
    await start(local, { path: socketPath }, socketPath);
    await chmod(socketPath, 0o600); // its directory is 0700: nobody could come in between
    if (listen === null) return { address: null, socketPath, close };
    const wanted = `${listen.host}:${listen.port}`;
    const remote = await createRemote(handle, tls);
    servers.push(remote);
    await start(remote, listen, wanted);
    const { port } = remote.address() as AddressInfo;
    const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
    return { address: `${tls === null ? 'http' : 'https'}://${host}:${port}`, socketPath, close };
  } catch (error) {
    await close(0);
    throw error;
  }
}

async function createRemote(handle: RequestListener, tls: Config['tls']): Promise<Server> {
  if (tls === null) return createServer(handle);
  try {
    const [cert, key] = await Promise.all([readFile(tls.certFile), readFile(tls.keyFile)]);
    return createTlsServer({ cert, key, minVersion: 'TLSv1.2' }, handle);
  } catch (error) {
    throw new WherryError('server.config', { name: 'tls', problem: `${tls.certFile}, ${tls.keyFile}` }, error);
  }
}

function start(
  server: Server,
  where: { path: string } | { host: string; port: number },
  address: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new WherryError('server.listen', { address }, error)));
    server.listen(where, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function closeServer(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
