/** Any disk as an NBD export on a unix socket: what qemu, libguestfs, nbdcopy and virt-v2v can open. */
import { chmod, mkdir, rm, stat } from 'node:fs/promises';
import { type Socket, createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Disk, WritableDisk } from '../disk.ts';
import { transmissionFlags } from './constants.ts';
import { incoming } from './incoming.ts';
import { greet } from './server-handshake.ts';
import { type Served, serveRequests } from './server-requests.ts';
import { ProtocolError } from './wire.ts';

export type ServeOptions = {
  /** At most 107 bytes. Its folder is made with mode 0700 if it is missing, and must let nobody else in. */
  readonly socketPath: string;
  /** Also served as the default export, by the empty name. */
  readonly exportName?: string;
  readonly readOnly: boolean;
  /** The disk failed (the client got EIO), or a client broke the protocol. `what`: which bytes, or `client`. */
  readonly onError?: (error: unknown, what: string) => void;
};

export type NbdStats = {
  readonly clients: number;
  readonly reads: number;
  readonly bytesRead: number;
  readonly writes: number;
  readonly bytesWritten: number;
  readonly errors: number;
};

export type NbdServer = {
  readonly socketPath: string;
  /** Ends all clients at once, waits for what the disk still does, removes the socket. The disk stays open. */
  close(): Promise<void>;
  stats(): NbdStats;
};

const maxClients = 16;
const handshakeMs = 15_000;

/** Serves until `close` or abort. @throws the system's error when there can be no socket there. */
export async function serveNbd(
  disk: Disk | WritableDisk,
  options: ServeOptions,
  signal: AbortSignal,
): Promise<NbdServer> {
  signal.throwIfAborted();
  if (disk.access === 'sequential') throw new Error('a disk that is read in order cannot be served');
  const { socketPath } = options;
  await privateFolder(dirname(socketPath));
  const writable = !options.readOnly && 'write' in disk ? disk : null;
  const count = { reads: 0, bytesRead: 0, writes: 0, bytesWritten: 0, errors: 0 };
  const onError = options.onError ?? (() => undefined);
  const served: Served = { disk, writable, onError, count };
  const { hasFlags, readOnly, sendFlush, sendFua, sendTrim, sendWriteZeroes, canMultiConn } = transmissionFlags;
  const flags =
    hasFlags | canMultiConn | (writable === null ? readOnly : sendFlush | sendFua | sendTrim | sendWriteZeroes);
  const offer = { exportName: options.exportName ?? '', sizeBytes: disk.sizeBytes, flags };
  const stopping = new AbortController();
  const clients = new Map<Socket, Promise<void>>();

  const converse = async (socket: Socket): Promise<void> => {
    const from = incoming(socket);
    const timer = setTimeout(() => socket.destroy(), handshakeMs);
    try {
      const agreed = await greet(socket, from, offer);
      clearTimeout(timer);
      if (agreed !== null) await serveRequests(socket, from, agreed, served, stopping.signal);
      socket.end();
    } catch (error) {
      // A client that just goes away (a killed qemu) is nobody's fault.
      if (error instanceof ProtocolError) onError(error, 'client');
      socket.destroy();
    } finally {
      clearTimeout(timer);
    }
  };
  // A client may send its goodbye and end its half while replies are still on their way.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const done = converse(socket).finally(() => clients.delete(socket));
    clients.set(socket, done);
  });
  server.maxConnections = maxClients;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  await chmod(socketPath, 0o600);

  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= (async () => {
      signal.removeEventListener('abort', onAbort);
      stopping.abort();
      const ended = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const socket of clients.keys()) socket.destroy();
      await Promise.all([ended, ...clients.values()]);
      await rm(socketPath, { force: true });
    })();
    return closed;
  };
  const onAbort = (): void => void close();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) {
    await close();
    signal.throwIfAborted();
  }
  return { socketPath, close, stats: () => ({ clients: clients.size, ...count }) };
}

async function privateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) throw new Error(`${path} lets others in: a socket that gives out a disk must not be there`);
}
