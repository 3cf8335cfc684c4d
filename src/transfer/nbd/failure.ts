/** Turns what went wrong on an NBD connection into the errors that people see. */
import { WherryError } from '../../model/errors.ts';
import { errnoName, errnos } from './constants.ts';
import { ExportRefused } from './handshake.ts';
import { ProtocolError } from './wire.ts';

/** The connection did not come to be, or ended: `lost` when requests may have been in flight. */
export function connectionFailure(error: unknown, where: string, exportName: string, lost: boolean): WherryError {
  if (error instanceof WherryError) return error;
  if (error instanceof ProtocolError) return new WherryError('transfer.nbd_protocol', { where }, error);
  if (error instanceof ExportRefused) return new WherryError('transfer.nbd_refused', { where, exportName }, error);
  return new WherryError(lost ? 'transfer.connection_lost' : 'transfer.connect_failed', { where }, error);
}

export type Action = 'read' | 'write' | 'zero' | 'trim' | 'flush' | 'map';

/** The server answered a request with an error number. What cannot pass by itself has a code of its own. */
export function requestFailure(
  refused: { readonly errno: number; readonly message: string },
  action: Action,
  where: string,
  offset: number,
  length: number,
): WherryError {
  const errno = errnoName(refused.errno);
  const cause = refused.message === '' ? undefined : new Error(refused.message);
  const params = { where, offset, length, errno };
  if (refused.errno === errnos.ENOSPC) return new WherryError('transfer.no_space', params, cause);
  if (refused.errno === errnos.ESHUTDOWN) {
    return new WherryError('transfer.connection_lost', params, cause ?? new Error('the server is going down'));
  }
  const final: number[] = [errnos.EPERM, errnos.EINVAL, errnos.EOVERFLOW, errnos.ENOTSUP];
  if (final.includes(refused.errno)) return new WherryError('transfer.refused', { ...params, action }, cause);
  const code = action === 'read' || action === 'map' ? 'transfer.read_failed' : 'transfer.write_failed';
  return new WherryError(code, params, cause);
}
