/** How a copy's failures are told apart and told: which side, where, and whether it is any use to try again. */
import { type ErrorCode, located, WherryError } from '../model/errors.ts';

export type Side = 'source' | 'target';

/** Inside a copy only: an error with the side and offset that it happened at. */
export class SideError extends Error {
  readonly side: Side;
  readonly offset: number;

  constructor(side: Side, offset: number, cause: unknown) {
    super(`${side} at ${offset}`, { cause });
    this.side = side;
    this.offset = offset;
  }

  static of(side: Side, offset: number, error: unknown): SideError {
    return error instanceof SideError ? error : new SideError(side, offset, error);
  }
}

/** Errors that say everything already, with their place; but for the disk. */
const complete = new Set<ErrorCode>([
  'transfer.no_space',
  'transfer.read_only',
  'transfer.refused',
  'transfer.source_shrank',
  'transfer.source_changed',
  'transfer.short_read',
  'provider.sign_in_refused',
]);

/** What a person reads once a copy of `disk` has given up. */
export function finalError(disk: string, error: unknown, attempts: number): unknown {
  if (!(error instanceof SideError)) return error;
  const { cause, side, offset } = error;
  if (cause instanceof WherryError && complete.has(cause.code)) return located(cause, { disk });
  return new WherryError('transfer.copy_failed', { disk, side, offset, attempts }, cause);
}
