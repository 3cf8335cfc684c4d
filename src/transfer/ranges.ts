import type { Range } from './disk.ts';

/**
 * Whether one of `ranges`, which ascend and do not overlap, holds all of `inner`. Looked up by halves: what a conversion has
 * trimmed of a large disk is in very many pieces, and every leaf asks.
 */
export function holds(ranges: readonly Range[], inner: Range): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.offset ?? 0) <= inner.offset) low = middle + 1;
    else high = middle;
  }
  const one = ranges[low - 1];
  return one !== undefined && one.offset + one.length >= inner.offset + inner.length;
}

/** What any of `ranges` holds, ascending; those that meet or overlap are one. */
export function united(ranges: readonly Range[]): Range[] {
  const found: { offset: number; length: number }[] = [];
  for (const { offset, length } of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const last = found.at(-1);
    if (last === undefined || last.offset + last.length < offset) found.push({ offset, length });
    else last.length = Math.max(last.length, offset + length - last.offset);
  }
  return found;
}
