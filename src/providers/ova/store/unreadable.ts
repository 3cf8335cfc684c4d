import { toStored, WherryError } from '../../../model/errors.ts';
import type { Unreadable } from '../../../model/inventory.ts';
import { isAway } from '../../../model/system-errors.ts';

/** What a store holds and nobody can read, listed with the reason. */
export function unreadableOf(ref: string, name: string, error: unknown): Unreadable {
  const { code, params, causes } = toStored(
    isAway(error) ? new WherryError('source.read_failed', { path: ref }, error) : error,
  );
  return { ref, name, code, params, causes: [...causes] };
}
