import type { DiskView } from '../../api/types.ts';
import { percent } from '../../format.ts';

/** The side that a copy waited for most, with its share of the time; null when there is none. */
export function bottleneck(waited: DiskView['waited']): string | null {
  if (waited === null) return null;
  const sides = [
    ['source', waited.source],
    ['target', waited.target],
    ['CPU', waited.cpu],
    ['bandwidth limit', waited.limiter],
  ] as const;
  const [side, share] = sides.reduce((most, next) => (next[1] > most[1] ? next : most));
  const shown = percent(share);
  return shown < 1 ? null : `${side} (${shown} %)`;
}
