import { capabilitiesUnconverted } from '../../conversion/needed.ts';
import type { TargetVm, VmRequest } from '../../providers/provider.ts';
import type { Step } from '../step.ts';
import { checkWhatWasCopied } from './check-manifest.ts';
import { openRow, recorded } from './recorded.ts';
import { maybeResultOf, resultOf } from './results.ts';

/** Defines the VM on its disks, off. Everything before has been verified; only now does it get its final name. */
export const createVm: Step = async (context) => {
  const { vm, targetName } = resultOf(context, 'preflight');
  const { disks } = resultOf(context, 'create-disks');
  await checkWhatWasCopied(context);
  const applied = maybeResultOf(context, 'apply')?.guest ?? maybeResultOf(context, 'copy')?.guest;
  const guest = applied ?? maybeResultOf(context, 'convert')?.guest ?? capabilitiesUnconverted(vm);
  const mark = { targetCopyId: context.lease.vmMigration.targetCopyId };
  await using target = await context.providers.openTarget(context.lease.vmMigration.spec.target, context.signal);
  const request: VmRequest = { mark, vm, targetName, guest, disks };
  // Where an earlier attempt began to make it stays known, should it be somewhere else by now.
  const begun = openRow(context, 'target-vm', 'vm')?.ref as TargetVm | undefined;
  const planned = begun ?? (await target.planVm(request, context.signal));
  const points = { intent: 'create-vm.intent.after', effect: 'create-vm.effect.after' } as const;
  const object = { kind: 'target-vm', key: 'vm', planned, points } as const;
  const made = await recorded(context, object, () => target.createVm(planned, request, context.signal));
  return { value: { vm: made } };
};
