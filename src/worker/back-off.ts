/** When a watch that was ended by something passing is tried again. Pure. */

const firstMs = 1_000;
const longestMs = 5 * 60_000;

/**
 * 1 s, doubled with each failure in a row, at most 5 minutes; between half of it and all of it, so that a hundred watches
 * of a system that comes back do not sign in at once.
 * @param failures in a row, from 1
 */
export function retryInMs(failures: number, random: () => number = Math.random): number {
  const full = Math.min(firstMs * 2 ** Math.min(failures - 1, 20), longestMs);
  return Math.round(full * (0.5 + random() / 2));
}
