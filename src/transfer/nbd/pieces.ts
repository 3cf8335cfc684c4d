/** How a request is cut into what a server takes. Pure rules. */
import type { Range } from '../disk.ts';

/** In order, without gaps, none longer than `maxBytes`; cuts lie on multiples of `maxBytes` from 0. */
export function pieces(range: Range, maxBytes: number): Range[] {
  const cut: Range[] = [];
  const end = range.offset + range.length;
  for (let offset = range.offset; offset < end; ) {
    const next = Math.min(end, offset - (offset % maxBytes) + maxBytes);
    cut.push({ offset, length: next - offset });
    offset = next;
  }
  return cut;
}

/** The smallest range of whole blocks around it; only the end of the disk may cut a block short. */
export function widen(range: Range, blockBytes: number, sizeBytes: number): Range {
  const offset = range.offset - (range.offset % blockBytes);
  const end = Math.min(sizeBytes, Math.ceil((range.offset + range.length) / blockBytes) * blockBytes);
  return { offset, length: end - offset };
}

export function isAligned(range: Range, blockBytes: number, sizeBytes: number): boolean {
  const whole = widen(range, blockBytes, sizeBytes);
  return whole.offset === range.offset && whole.length === range.length;
}

/** Head and tail that cover only a part of a block, and the whole blocks between them; empty ones are left out. */
export function splitAligned(
  range: Range,
  blockBytes: number,
  sizeBytes: number,
): { readonly partial: readonly Range[]; readonly whole: Range | null } {
  const end = range.offset + range.length;
  const first = Math.ceil(range.offset / blockBytes) * blockBytes;
  const last = end === sizeBytes ? end : end - (end % blockBytes);
  if (first >= last) {
    return isAligned(range, blockBytes, sizeBytes)
      ? { partial: [], whole: range }
      : { partial: pieces(range, blockBytes), whole: null };
  }
  const partial: Range[] = [];
  if (first > range.offset) partial.push({ offset: range.offset, length: first - range.offset });
  if (end > last) partial.push({ offset: last, length: end - last });
  return { partial, whole: { offset: first, length: last - first } };
}

/** @throws RangeError for what the caller of a disk must never ask (a defect of ours). */
export function checkRange(offset: number, length: number, sizeBytes: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new RangeError(`not a range of a disk: ${length} bytes at ${offset}`);
  }
  if (offset + length > sizeBytes) {
    throw new RangeError(`${length} bytes at ${offset} go past the end of the disk at ${sizeBytes}`);
  }
}
