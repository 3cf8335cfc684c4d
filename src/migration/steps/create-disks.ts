import type { DiskRequest, TargetDisk } from '../../providers/provider.ts';
import type { Step } from '../step.ts';
import { ofDisk } from './ends.ts';
import { recorded } from './recorded.ts';
import { resultOf } from './results.ts';

/** Every disk of the VM at the target, empty, each in the ledger before it exists. */
export const createDisks: Step = async (context) => {
  const { vm, targetName } = resultOf(context, 'preflight');
  const mark = { targetCopyId: context.lease.vmMigration.targetCopyId };
  await using target = await context.providers.openTarget(context.lease.vmMigration.spec.target, context.signal);
  const disks: TargetDisk[] = [];
  for (const [index, disk] of vm.disks.entries()) {
    const request: DiskRequest = { mark, vm, targetName, diskId: disk.id, index, sizeBytes: disk.sizeBytes ?? 0 };
    const planned = target.planDisk(request);
    const points = { intent: 'create-disks.intent.after', effect: 'create-disks.effect.after' } as const;
    const object = { kind: 'target-disk', key: disk.id, planned, points } as const;
    const effect = (): Promise<TargetDisk> => ofDisk(vm, disk.id, target.createDisk(planned, request, context.signal));
    disks.push(await recorded(context, object, effect));
  }
  await context.failPoint('create-disks.done');
  return { value: { disks } };
};
