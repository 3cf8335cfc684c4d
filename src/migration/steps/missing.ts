/**
 * What the copy left out because a conversion had trimmed it. It is missing as soon as those overlays are gone: another
 * conversion may need it, so it is copied before that one is applied.
 */
import { chunkBytes, chunkCount, chunkRange } from '../../transfer/digest.ts';
import type { Range } from '../../transfer/disk.ts';
import type { StepContext } from '../step.ts';
import { presentConversion } from './conversions.ts';
import { copyDisks } from './copy-disks.ts';
import type { Ends } from './ends.ts';
import { maybeResultOf } from './results.ts';

export type Discarded = ReadonlyMap<string, readonly Range[]>;

/**
 * What was left out and may stay so, by disk id: the overlays that say so are here. Otherwise it is copied now, with digests
 * like everything else, and nothing is left out any more.
 */
export async function stillDiscarded(context: StepContext, ends: Ends): Promise<Discarded> {
  const discarded = maybeResultOf(context, 'copy')?.discarded;
  if (discarded === undefined) return new Map();
  const present = await presentConversion(context, ends.identity);
  if (present?.overlayId === discarded.overlayId) {
    return new Map(
      Object.entries(discarded.disks).map(([id, spans]) => [
        id,
        spans.map(([offset, length]): Range => ({ offset, length })),
      ]),
    );
  }
  context.log('warning', 'the conversion that made a part of the disks needless is gone: that part is copied now');
  await copyDisks(context, ends, () => null);
  return new Map();
}

/** Chunks of which everything was left out. `ranges` ascend. */
export function wholeChunks(ranges: readonly Range[], sizeBytes: number): number[] {
  const chunks: number[] = [];
  for (const { offset, length } of ranges) {
    for (let chunk = Math.ceil(offset / chunkBytes); chunk < chunkCount(sizeBytes); chunk += 1) {
      const range = chunkRange(chunk, sizeBytes);
      if (range.offset + range.length > offset + length) break;
      chunks.push(chunk);
    }
  }
  return chunks;
}
