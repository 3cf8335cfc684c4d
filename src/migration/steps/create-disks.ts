import Type from 'typebox';
import Value from 'typebox/value';
import type { DiskRequest, Target, TargetDisk, TargetVm } from '../../providers/provider.ts';
import type { LedgerRow } from '../protocol.ts';
import type { Step, StepContext } from '../step.ts';
import { diskName, ofDisk } from './ends.ts';
import { openRow, openRows, recorded } from './recorded.ts';
import { resultOf } from './results.ts';

/** `anew`: what is there may have been written to by a VM that ran. */
const Checkpoint = Type.Object({ anew: Type.Optional(Type.Boolean()) });

/** Every disk of the VM at the target, empty, each in the ledger before it exists. A retry finds those that were kept. */
export const createDisks: Step = async (context) => {
  const { vm, targetName } = resultOf(context, 'preflight');
  const mark = { targetCopyId: context.lease.vmMigration.targetCopyId };
  await using target = await context.providers.openTarget(context.lease.vmMigration.spec.target, context.signal);
  const requests = vm.disks.map((disk, index): DiskRequest => {
    return { mark, vm, targetName, diskId: disk.id, index, sizeBytes: disk.sizeBytes ?? 0 };
  });
  await removeVm(context, target);
  await removeOthers(context, target, requests);
  const disks: TargetDisk[] = [];
  for (const request of requests) {
    const { diskId } = request;
    const planned = await target.planDisk(request, context.signal);
    const points = { intent: 'create-disks.intent.after', effect: 'create-disks.effect.after' } as const;
    const object = { kind: 'target-disk', key: diskId, planned, points } as const;
    if (openRow(context, 'target-disk', diskId) !== undefined) {
      context.log(
        'info',
        `disk ${diskName(vm, diskId)}: the one of an earlier attempt is used again if it is still there`,
      );
    }
    const effect = (): Promise<TargetDisk> => ofDisk(vm, diskId, target.createDisk(planned, request, context.signal));
    disks.push(await recorded(context, object, effect));
  }
  if (context.lease.checkpoint !== null) await context.checkpoint({});
  await context.failPoint('create-disks.done');
  return { value: { disks } };
};

/**
 * A VM that an earlier undoing did not get away: first of all, because nothing is taken from under a VM, nor written there.
 * Whether somebody has started it nobody can tell; so its disks are made anew.
 */
async function removeVm(context: StepContext, target: Target): Promise<void> {
  const mark = { targetCopyId: context.lease.vmMigration.targetCopyId };
  for (const row of openRows(context, 'target-vm')) {
    await context.checkpoint({ anew: true });
    await context.mayAct();
    await target.removeVm(mark, row.ref as TargetVm, context.signal);
    await context.ledger({ ...row, state: 'removed' } satisfies LedgerRow);
    context.log('info', `the VM of an earlier attempt is removed: ${JSON.stringify((row.ref as TargetVm).ref)}`);
  }
}

/** What was kept and cannot be used: of a disk that the VM no longer has, under another name, or run from. */
async function removeOthers(context: StepContext, target: Target, requests: readonly DiskRequest[]): Promise<void> {
  const { checkpoint } = context.lease;
  const anew = checkpoint !== null && Value.Parse(Checkpoint, checkpoint).anew === true;
  const mark = { targetCopyId: context.lease.vmMigration.targetCopyId };
  for (const row of openRows(context, 'target-disk')) {
    const old = row.ref as TargetDisk;
    const request = requests.find(({ diskId }) => diskId === old.diskId);
    if (!anew && request !== undefined && isSamePlace(await target.planDisk(request, context.signal), old)) continue;
    await context.mayAct();
    await target.removeDisk(mark, old, context.signal);
    await context.ledger({ ...row, state: 'removed' } satisfies LedgerRow);
    context.log('info', `the disk of an earlier attempt is removed: ${JSON.stringify(old.ref)}`);
  }
}

/** What exists says more of itself than what is planned; an older version's may say less of where it is. */
function isSamePlace(planned: TargetDisk, old: TargetDisk): boolean {
  const same = Object.entries(planned.ref).every(([name, value]) => (old.ref[name] ?? value) === value);
  return same && planned.format === old.format;
}
