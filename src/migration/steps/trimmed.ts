/**
 * What a conversion that has come to its end trimmed: the guest's file systems need nothing of it, so the copy that runs
 * beside it, in this very process, leaves out what it has not reached. That holds for these overlays and no others: who goes
 * on with others copies what was left out first (missing.ts).
 */
import { isDeepStrictEqual } from 'node:util';
import { overlayClusters } from '../../conversion/overlay.ts';
import type { Range } from '../../transfer/disk.ts';
import type { StepContext } from '../step.ts';
import type { Converted } from './conversions.ts';
import type { Identity } from './same-source.ts';

export type Trimmed = {
  readonly overlayId: string;
  /** What of the source the conversion saw. */
  readonly identity: Identity;
  /** By disk id, ascending, neighbours joined. */
  readonly ranges: ReadonlyMap<string, readonly Range[]>;
};

/** By VM migration: a process runs the steps of one, a test of several. */
const told = new Map<string, Trimmed>();

export async function tellTrimmed(
  context: StepContext,
  { overlayId, overlays }: Converted,
  identity: Identity,
): Promise<Trimmed> {
  const ranges = new Map<string, Range[]>();
  for (const { diskId, path } of overlays) {
    const list: Range[] = [];
    for await (const { offset, length, kind } of overlayClusters(path, context.signal)) {
      if (kind !== 'zero') continue;
      const last = list.at(-1);
      if (last !== undefined && last.offset + last.length === offset) {
        list[list.length - 1] = { offset: last.offset, length: last.length + length };
      } else {
        list.push({ offset, length });
      }
    }
    ranges.set(diskId, list);
  }
  const trimmed = { overlayId, identity, ranges };
  told.set(context.lease.vmMigration.id, trimmed);
  return trimmed;
}

/** Asked by the copy again and again: null until the conversion of what it copies has ended well. */
export function trimmedNow(context: StepContext, identity: Identity): Trimmed | null {
  const trimmed = told.get(context.lease.vmMigration.id);
  return trimmed !== undefined && isDeepStrictEqual(trimmed.identity, identity) ? trimmed : null;
}

/** Another conversion begins, or nothing more will be asked. */
export function forgetTrimmed(context: StepContext): void {
  told.delete(context.lease.vmMigration.id);
}
