/** Plain TCP. Nothing on it is encrypted: `check` says so to whoever adds such a provider. */
import { connect, type Socket } from 'node:net';
import { WherryError } from '../../../model/errors.ts';
import type { LibvirtAddress } from '../address.ts';
import { reachMs, unreachable, type Wire } from './wire.ts';

export async function tcpWire(address: LibvirtAddress, signal: AbortSignal): Promise<Wire> {
  const socket = await reach(address, signal);
  return { readable: socket, writable: socket, destroy: () => socket.destroy() };
}

/**
 * A TCP connection to the host of `address`.
 * @throws provider.name_unknown, provider.unreachable, provider.connection_lost; what aborted it.
 */
export async function reach(address: LibvirtAddress, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const socket = connect({ host: address.host, port: address.port, keepAlive: true, keepAliveInitialDelay: 30_000 });
  socket.setNoDelay(true);
  const late = new WherryError(
    'provider.unreachable',
    { system: address.uri, port: address.port },
    new Error(`no connection within ${reachMs / 1000} s`),
  );
  const timer = setTimeout(() => socket.destroy(late), reachMs);
  const abort = (): void => {
    socket.destroy(new Error('canceled'));
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return socket;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw unreachable(address, error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
