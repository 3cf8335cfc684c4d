/** What there is to copy or read back: a disk's extents, cut into leaves. Lazy, so that a disk of any size costs nothing. */
import type { Disk, Range } from './disk.ts';
import { leafBytes, leafCount, leafRange, leavesPerChunk } from './digest.ts';

export type LeafWork =
  | { readonly kind: 'zeros'; readonly first: number; readonly count: number }
  /** `data`: what must be read, inside the leaf, in order; the rest of the leaf is zeros. */
  | { readonly kind: 'data'; readonly leaf: number; readonly data: readonly Range[] };

type Mapped = Pick<Disk, 'access' | 'extents'>;

/** Data this close together is one read: fetching a small hole costs less than another request. Bytes. */
const joinBytes = 64 * 1024;
/** Longest run of zero leaves told at once: 64 GiB. */
const longestRun = leavesPerChunk * 1024;

/**
 * The leaves of `[from, end)` of the first `sizeBytes` of a disk, for which `skip` is false, in order. A sequential disk is not asked for its extents: all of
 * it is data, and nothing is skipped, because it must be read from the start without gaps.
 */
export async function* leafWork(
  disk: Mapped,
  sizeBytes: number,
  from: number,
  end: number,
  skip: (leaf: number) => boolean,
  signal: AbortSignal,
): AsyncGenerator<LeafWork> {
  if (disk.access === 'sequential') {
    for (let leaf = from; leaf < end; leaf += 1) {
      yield { kind: 'data', leaf, data: [leafRange(leaf, sizeBytes)] };
    }
    return;
  }
  for (let leaf = from; leaf < end; ) {
    if (skip(leaf)) {
      leaf += 1;
      continue;
    }
    let stop = leaf + 1;
    while (stop < end && !skip(stop)) stop += 1;
    yield* cut(disk, sizeBytes, leaf, stop, signal);
    leaf = stop;
  }
}

async function* cut(
  disk: Mapped,
  sizeBytes: number,
  from: number,
  stop: number,
  signal: AbortSignal,
): AsyncGenerator<LeafWork> {
  const end = Math.min(stop * leafBytes, sizeBytes);
  let zeroFirst = from;
  let zeroCount = 0;
  let data: Range[] = [];
  let at = from * leafBytes;
  const zerosSoFar = (): LeafWork => {
    const run = { kind: 'zeros', first: zeroFirst, count: zeroCount } as const;
    zeroCount = 0;
    return run;
  };
  for await (const extent of disk.extents({ offset: at, length: end - at }, signal)) {
    if (extent.offset !== at || extent.length <= 0) throw new Error(`extents of a disk leave a gap at ${at}`);
    const extentEnd = Math.min(extent.offset + extent.length, end);
    while (at < extentEnd) {
      const leaf = Math.floor(at / leafBytes);
      const leafEnd = Math.min((leaf + 1) * leafBytes, sizeBytes);
      if (extent.kind === 'zero' && at === leaf * leafBytes && extentEnd >= leafEnd) {
        const whole = extentEnd === sizeBytes ? leafCount(sizeBytes) : Math.floor(extentEnd / leafBytes);
        const count = Math.min(whole - leaf, longestRun);
        if (zeroCount === 0) zeroFirst = leaf;
        zeroCount += count;
        at = Math.min((leaf + count) * leafBytes, sizeBytes);
        if (zeroCount >= longestRun) yield zerosSoFar();
        continue;
      }
      const pieceEnd = Math.min(extentEnd, leafEnd);
      if (extent.kind === 'data') join(data, at, pieceEnd);
      at = pieceEnd;
      if (at < leafEnd) continue;
      if (data.length === 0) {
        if (zeroCount === 0) zeroFirst = leaf;
        zeroCount += 1;
        continue;
      }
      if (zeroCount > 0) yield zerosSoFar();
      yield { kind: 'data', leaf, data };
      data = [];
    }
  }
  if (at !== end) throw new Error(`extents of a disk end at ${at} instead of ${end}`);
  if (zeroCount > 0) yield zerosSoFar();
}

function join(data: Range[], from: number, to: number): void {
  const last = data.at(-1);
  if (last !== undefined && from - (last.offset + last.length) <= joinBytes) {
    data[data.length - 1] = { offset: last.offset, length: to - last.offset };
  } else {
    data.push({ offset: from, length: to - from });
  }
}

/** Cuts ranges into blocks of at most `blockBytes`, aligned to it inside the disk. */
export function blocks(ranges: readonly Range[], blockBytes: number): Range[] {
  const cutRanges: Range[] = [];
  for (const range of ranges) {
    const end = range.offset + range.length;
    for (let at = range.offset; at < end; ) {
      const stop = Math.min(end, (Math.floor(at / blockBytes) + 1) * blockBytes);
      cutRanges.push({ offset: at, length: stop - at });
      at = stop;
    }
  }
  return cutRanges;
}
