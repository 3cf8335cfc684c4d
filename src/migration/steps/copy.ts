/**
 * Brings all disks of the source to the target, while the conversion runs beside it. In a retry, what the conversion of
 * before had changed at the target is the source's again first: from there on a copy is a copy.
 */
import type { Step } from '../step.ts';
import { restoreEarlier } from './restore.ts';
import { presentConversion } from './conversions.ts';
import { copyDisks } from './copy-disks.ts';
import { openEnds } from './ends.ts';
import { resultOf } from './results.ts';
import { tellTrimmed, type Trimmed, trimmedNow } from './trimmed.ts';

export const copy: Step = async (context) => {
  const { vm, conversion, inOrder } = resultOf(context, 'preflight');
  await using ends = await openEnds(context, { begins: true });
  await restoreEarlier(context, ends);
  // A disk that is read in order is converted afterwards; then nothing has been trimmed yet.
  const beside = conversion && !inOrder;
  const before = beside ? await presentConversion(context, ends.identity) : null;
  if (before !== null) await tellTrimmed(context, before, ends.identity);
  let trimmed: Trimmed | null = null; // the first that is told stays, so that all disks are about one conversion
  await context.failPoint('copy.opened');
  const { bytesMoved, proved, discarded } = await copyDisks(context, ends, () =>
    beside ? (trimmed ??= trimmedNow(context, ends.identity)) : null,
  );
  await ends.sameSource(vm);
  await context.failPoint('copy.done');
  const left = (trimmed as Trimmed | null)?.overlayId;
  const pairs = [...discarded].map(([id, ranges]) => [
    id,
    ranges.map(({ offset, length }): [number, number] => [offset, length]),
  ]);
  return {
    value: {
      bytesMoved,
      identity: ends.identity,
      proved: Object.fromEntries(proved),
      ...(left !== undefined &&
        pairs.length > 0 && { discarded: { overlayId: left, disks: Object.fromEntries(pairs) } }),
    },
  };
};
