/**
 * Which parts of a read have arrived. A server may send them in any order, but never twice, and success is only what left
 * no byte out: the buffers are not zeroed before, so a gap would hand out somebody else's memory.
 */
export type Coverage = {
  /** Returns false when the part overlaps an earlier one or there are absurdly many separate parts. */
  add(offset: number, length: number): boolean;
  readonly coveredBytes: number;
};

const maxParts = 4096;

export function coverage(): Coverage {
  /** Sorted, disjoint, never touching. Nearly always one entry that grows at its end. */
  const parts: { start: number; end: number }[] = [];
  let coveredBytes = 0;
  return {
    get coveredBytes() {
      return coveredBytes;
    },
    add(offset, length) {
      const end = offset + length;
      let index = parts.length;
      while (index > 0 && (parts[index - 1]?.start ?? 0) > offset) index--;
      const before = parts[index - 1];
      const after = parts[index];
      if (length <= 0 || (before !== undefined && before.end > offset) || (after !== undefined && after.start < end)) {
        return false;
      }
      const touchesBefore = before?.end === offset;
      const touchesAfter = after?.start === end;
      if (touchesBefore && touchesAfter) {
        before.end = after.end;
        parts.splice(index, 1);
      } else if (touchesBefore) before.end = end;
      else if (touchesAfter) after.start = offset;
      else if (parts.length >= maxParts) return false;
      else parts.splice(index, 0, { start: offset, end });
      coveredBytes += length;
      return true;
    },
  };
}
