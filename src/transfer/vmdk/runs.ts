/** A part of a read that is stored in one piece. */
export type StoredRun = {
  /** In the file. */
  readonly offset: number;
  length: number;
  /** In the result of the read. */
  readonly into: number;
};

/** Compressed grains that one read of the file brings. */
export type CompressedRun = {
  readonly offset: number;
  /** Where the last one must have ended. */
  end: number;
  readonly grains: CompressedGrain[];
};

export type CompressedGrain = {
  /** Of its header in the file. */
  readonly offset: number;
  /** The grain's place on the disk, in bytes. */
  readonly start: number;
};

/** Files are read in pieces of about this size: large enough to be few, small enough that several are on their way. */
export const runBytes = 1024 * 1024;

/** Tables and markers stand between grains; so much may be read for nothing. */
const maxGapBytes = 16 * 1024;

/** Adds a stored piece, joined to the last run when it follows it. */
export function addStored(runs: StoredRun[], offset: number, length: number, into: number): void {
  const last = runs.at(-1);
  if (last !== undefined && last.offset + last.length === offset && last.into + last.length === into) {
    last.length += length;
  } else {
    runs.push({ offset, length, into });
  }
}

/**
 * Adds a compressed grain whose data ends at `end` or before. It joins the last run when it is stored a little behind it:
 * then the place where it begins is what bounds the grain before.
 */
export function addCompressed(runs: CompressedRun[], grain: CompressedGrain, end: number, maxGrainBytes: number): void {
  const last = runs.at(-1);
  const previous = last?.grains.at(-1);
  if (last !== undefined && previous !== undefined) {
    const gap = grain.offset - previous.offset;
    const near = gap > 0 && gap <= maxGrainBytes + maxGapBytes;
    if (near && end - last.offset <= runBytes) {
      last.grains.push(grain);
      last.end = end;
      return;
    }
  }
  runs.push({ offset: grain.offset, end, grains: [grain] });
}
