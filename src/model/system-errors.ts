/** What the operating system says when storage or a network is away: nothing of ours is wrong, and it may come back. */

import { WherryError } from './errors.ts';

const awayCodes: ReadonlySet<string> = new Set([
  // Networks and servers.
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'EAI_AGAIN',
  // A mount whose server is gone: NFS and SMB (ESTALE, EIO, EREMOTEIO), FUSE (ENOTCONN); a disk that fails (EIO).
  'EIO',
  'ESTALE',
  'ENOTCONN',
  'EREMOTEIO',
  'ESHUTDOWN',
]);

/** `ENOSPC`, `EIO` and the like; empty when there is none. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export function isAway(error: unknown): boolean {
  return awayCodes.has(systemCode(error));
}

/** Told as what it is, from wherever in our code it comes: passing, with the path if the system said one. Others as they are. */
export function asStorageAway(error: unknown): unknown {
  if (!isAway(error)) return error;
  const path = error instanceof Error && 'path' in error && typeof error.path === 'string' ? { path: error.path } : {};
  return new WherryError('transfer.storage_away', { errno: systemCode(error), ...path }, error);
}
