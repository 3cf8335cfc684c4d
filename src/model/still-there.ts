import { WherryError } from './errors.ts';

/**
 * For what was found before: not to find it now may be a mount that went away, or somebody who moved it, and it may come back.
 * @throws source.gone (passing) instead of source.not_found
 */
export async function stillThere<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof WherryError) || error.code !== 'source.not_found') throw error;
    throw new WherryError('source.gone', error.params, error.cause);
  }
}
