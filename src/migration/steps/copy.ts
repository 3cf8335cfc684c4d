/**
 * Brings all disks of the source to the target, while the conversion runs beside it. In a retry, what the conversion of
 * before had changed at the target is the source's again first: from there on a copy is a copy. A target that takes a disk
 * as one stream gets it after the conversion, with its changes.
 */
import type { Step, StepContext, StepResult } from '../step.ts';
import { presentConversion } from './conversions.ts';
import { convertAgain } from './convert.ts';
import { type CopiedDisks, copyDisks } from './copy-disks.ts';
import { type Ends, openEnds } from './ends.ts';
import { openOverlays } from './overlays.ts';
import { restoreEarlier } from './restore.ts';
import { resultOf } from './results.ts';
import { tellTrimmed, type Trimmed, trimmedNow } from './trimmed.ts';

export const copy: Step = async (context) => {
  const { conversion, inOrder } = resultOf(context, 'preflight');
  await using ends = await openEnds(context, { begins: true });
  if (ends.target.access === 'stream') return await copyConverted(context, ends);
  await restoreEarlier(context, ends);
  // A disk that is read in order is converted afterwards; then nothing has been trimmed yet.
  const beside = conversion && !inOrder;
  const before = beside ? await presentConversion(context, ends.identity) : null;
  if (before !== null) await tellTrimmed(context, before, ends.identity);
  let trimmed: Trimmed | null = null; // the first that is told stays, so that all disks are about one conversion
  await context.failPoint('copy.opened');
  const copied = await copyDisks(context, ends, () =>
    beside ? (trimmed ??= trimmedNow(context, ends.identity)) : null,
  );
  const left = (trimmed as Trimmed | null)?.overlayId;
  const pairs = [...copied.discarded].map(([id, ranges]) => [
    id,
    ranges.map(({ offset, length }): [number, number] => [offset, length]),
  ]);
  return await concluded(context, ends, copied, {
    ...(left !== undefined && pairs.length > 0 && { discarded: { overlayId: left, disks: Object.fromEntries(pairs) } }),
  });
};

/** As one stream each, with what the conversion changed. */
async function copyConverted(context: StepContext, ends: Ends): Promise<StepResult> {
  const { conversion } = resultOf(context, 'preflight');
  const present = conversion ? await presentConversion(context, ends.identity) : null;
  const converted = conversion ? (present ?? (await convertAgain(context, ends))) : null;
  await using opened = converted === null ? null : await openOverlays(context, converted);
  await context.failPoint('copy.opened');
  const copied = await copyDisks(context, ends, () => null, opened?.over);
  return await concluded(context, ends, copied, converted === null ? {} : { guest: converted.guest });
}

async function concluded(context: StepContext, ends: Ends, copied: CopiedDisks, more: object): Promise<StepResult> {
  await ends.sameSource(resultOf(context, 'preflight').vm);
  await context.failPoint('copy.done');
  const { bytesMoved, proved } = copied;
  return { value: { bytesMoved, identity: ends.identity, proved: Object.fromEntries(proved), ...more } };
}
