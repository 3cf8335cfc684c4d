/**
 * The three ways it ends. `finalize` hands what was made over to its new owner and is the point of no return; `clean-up`
 * takes away what only the migration needed; `undo` takes away everything, newest first, or leaves what a retry can use.
 */
import { rm } from 'node:fs/promises';
import { removeOwn } from '../../conversion/scratch.ts';
import { type ErrorCode, WherryError } from '../../model/errors.ts';
import type { Missing, Target, TargetDisk, TargetVm } from '../../providers/provider.ts';
import type { LedgerRow } from '../protocol.ts';
import type { Step, StepContext } from '../step.ts';
import { isKeeping, saidGone } from '../keep.ts';
import { hasConversion } from './conversions.ts';
import { openRows, workKey } from './recorded.ts';
import { resultOf } from './results.ts';

export const finalize: Step = async (context) => {
  const { disks } = resultOf(context, 'create-disks');
  const { vm } = resultOf(context, 'create-vm');
  const mark = { targetCopyId: context.lease.vmMigration.targetCopyId };
  await context.failPoint('finalize.before');
  await using target = await context.providers.openTarget(context.lease.vmMigration.spec.target, context.signal);
  await context.mayAct();
  const gone = saidGone(context.lease.checkpoint) !== null;
  const missing = await target.finalize?.(mark, { vm, disks }, { gone }, context.signal);
  for (const row of [...openRows(context, 'target-disk'), ...openRows(context, 'target-vm')]) {
    if (isMissing(row, missing)) await closeGone(context, row, null);
    else await context.ledger({ ...row, state: 'handed_over' });
  }
  await context.failPoint('finalize.after');
  return { value: {} };
};

function isMissing({ kind, ref }: LedgerRow, missing: Missing | undefined): boolean {
  if (missing === undefined) return false;
  return kind === 'target-vm' ? missing.vm : missing.diskIds.includes((ref as TargetDisk).diskId);
}

/** Nobody gets what is not there: its row ends as removed. */
async function closeGone(context: StepContext, row: LedgerRow, why: string | null): Promise<void> {
  const saidBy = saidGone(context.lease.checkpoint);
  const words = [
    `the ${row.kind === 'target-vm' ? 'VM' : 'disk'} ${placeOf(row)} is not there any more`,
    saidBy === null ? null : `it was removed for good, said ${saidBy}`,
    why,
  ];
  context.log('warning', words.filter((one) => one !== null).join('; '));
  await context.ledger({ ...row, state: 'removed' });
}

function placeOf({ ref }: LedgerRow): string {
  const { path, pool, volume, name } = (ref as TargetDisk).ref;
  return path ?? (volume === undefined ? (name ?? (ref as TargetVm).name) : `${volume} of pool ${pool}`);
}

export const cleanUp: Step = async (context) => {
  await context.failPoint('clean-up.before');
  for (const row of context.lease.ledger.toReversed()) await removeLocal(context, row);
  await removeWork(context);
  await context.failPoint('clean-up.after');
  return { value: {} };
};

export const undo: Step = async (context) => {
  await context.failPoint('undo.before');
  const keep = isKeeping(context.lease.checkpoint);
  const rows = context.lease.ledger.toReversed();
  const outside = rows.filter((row) => row.kind === 'target-vm' || row.kind === 'target-disk');
  if (outside.length > 0) {
    await using target = await context.providers.openTarget(context.lease.vmMigration.spec.target, context.signal);
    // The VM first: a disk is not taken from under a VM that may be running.
    for (const row of outside.filter(({ kind }) => kind === 'target-vm')) await removeOutside(context, target, row);
    for (const row of outside.filter(({ kind }) => kind === 'target-disk')) {
      if (keep) await conceal(context, target, row);
      else await removeOutside(context, target, row);
    }
  }
  if (keep) {
    await keepWork(context, rows);
  } else {
    for (const row of rows) await removeLocal(context, row);
    await removeWork(context);
  }
  await context.failPoint('undo.after');
  return { value: {} };
};

/** It stays, for a retry, but nobody must take it for a migrated disk. */
async function conceal(context: StepContext, target: Target, row: LedgerRow): Promise<void> {
  await context.mayAct();
  await target.concealDisk?.(row.ref as TargetDisk, context.signal);
}

/** Journals and a whole conversion stay; what was under way goes. */
async function keepWork(context: StepContext, rows: readonly LedgerRow[]): Promise<void> {
  const whole = await hasConversion(context);
  for (const row of rows) {
    if (row.kind === 'directory' && row.ref !== null && (row.ref as { key?: string }).key === workKey) continue;
    if (row.kind === 'overlay' && whole) continue;
    await removeLocal(context, row);
  }
}

async function removeOutside(context: StepContext, target: Target, row: LedgerRow): Promise<void> {
  const mark = { targetCopyId: context.lease.vmMigration.targetCopyId };
  await context.mayAct();
  try {
    if (row.kind === 'target-vm') await target.removeVm(mark, row.ref as TargetVm, context.signal);
    else await target.removeDisk(mark, row.ref as TargetDisk, context.signal);
  } catch (error) {
    const isAway = error instanceof WherryError && notFound.has(error.code);
    if (!isAway || saidGone(context.lease.checkpoint) === null) throw error;
    return closeGone(context, row, error.message);
  }
  await context.ledger({ ...row, state: 'removed' });
}

/** What a target says when something of ours is not there, and nothing proves that it was removed. */
const notFound: ReadonlySet<ErrorCode> = new Set([
  'files.directory_gone',
  'files.directory_other',
  'libvirt.volume_away',
]);

/** Overlays, the private directory, short ways to it. Sockets and processes live in it or die with this process. */
async function removeLocal(context: StepContext, row: LedgerRow): Promise<void> {
  if (row.kind !== 'overlay' && row.kind !== 'directory') return;
  const { path } = row.ref as { path: string };
  const isInside = `${path}/`.startsWith(`${context.directory}/`);
  await (isInside ? rm(path, { recursive: true, force: true }) : removeOwn(path));
  await context.ledger({ ...row, state: 'removed' });
}

/** An attempt after one that was killed here was given the directory anew, and its row is closed already. */
async function removeWork(context: StepContext): Promise<void> {
  await rm(context.directory, { recursive: true, force: true });
}
