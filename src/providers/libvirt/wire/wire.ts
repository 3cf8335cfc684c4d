/** A way to a libvirt daemon that carries bytes: a socket, a TLS session, or an ssh process. */
import type { Readable, Writable } from 'node:stream';
import { WherryError } from '../../../model/errors.ts';
import type { LibvirtAddress } from '../address.ts';

export type Wire = {
  readonly readable: Readable;
  readonly writable: Writable;
  /** Ends it, with every process and file that belongs to it. May be called at any time, and twice. */
  destroy(): void;
  /** Called once the daemon has let us in: what was only needed for that (a key, an agent) goes away. */
  signedIn?(): void;
  /**
   * What really ended it, when the wire knows more than that the bytes stopped: the words of ssh. Asked after it broke;
   * null when there is nothing to add.
   */
  reason?(): Promise<WherryError | null>;
};

/** How long a host may take to take a connection, and to say its first word. */
export const reachMs = 15_000;

/** What a failed connect means. @param error what the system said; other errors go through unchanged. */
export function unreachable(address: LibvirtAddress, error: unknown): unknown {
  if (error instanceof WherryError) return error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const system = address.uri;
  if (/^(ENOTFOUND|EAI_\w+)$/.test(code)) {
    return new WherryError('provider.name_unknown', { host: address.host, system }, error);
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') return new WherryError('provider.connection_lost', { system }, error);
  if (code !== '') return new WherryError('provider.unreachable', { system, port: address.port }, error);
  return error;
}
