/** The daemon's unix socket on this host. */
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { WherryError } from '../../../model/errors.ts';
import type { Wire } from './wire.ts';

/** @throws libvirt.not_running, libvirt.not_allowed, libvirt.connection_lost. */
export async function unixWire(
  uri: string,
  sockets: readonly string[],
  signal: AbortSignal,
): Promise<Wire & { readonly path: string }> {
  signal.throwIfAborted();
  const path = await reachableSocket(uri, sockets);
  const socket = connect({ path });
  const abort = (): void => {
    socket.destroy(new Error('canceled'));
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return { readable: socket, writable: socket, path, destroy: () => socket.destroy() };
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw socketError(uri, path, error);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function reachableSocket(uri: string, sockets: readonly string[]): Promise<string> {
  for (const path of sockets) {
    try {
      await stat(path);
      return path;
    } catch (error) {
      if (errno(error) !== 'ENOENT' && errno(error) !== 'ENOTDIR') throw socketError(uri, path, error);
    }
  }
  const looked = sockets.join(', ') || '$XDG_RUNTIME_DIR, which is not set';
  throw new WherryError('libvirt.not_running', { uri }, new Error(`no socket at ${looked}`));
}

function socketError(uri: string, path: string, error: unknown): WherryError {
  const code = errno(error);
  if (code === 'EACCES' || code === 'EPERM') {
    return new WherryError('libvirt.not_allowed', { uri, user: userInfo().username }, error);
  }
  if (code === 'ECONNREFUSED' || code === 'ENOENT' || code === 'ENOTSOCK') {
    return new WherryError('libvirt.not_running', { uri }, error);
  }
  if (error instanceof WherryError) return error;
  return new WherryError('libvirt.connection_lost', { socket: path }, error);
}

function errno(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
