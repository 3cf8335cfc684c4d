import type { Vm } from '../../model/vm.ts';
import type { TargetDisk } from '../../providers/provider.ts';
import { restoreClusters } from '../../transfer/apply.ts';
import type { Range } from '../../transfer/disk.ts';
import type { StepContext } from '../step.ts';
import type { Ends } from './ends.ts';

/** Brings the source's content of one range to the target again, flushed when it resolves. */
export async function copyRange(
  context: StepContext,
  ends: Ends,
  { vm, disk, range }: { readonly vm: Vm; readonly disk: TargetDisk; readonly range: Range },
  signal: AbortSignal,
): Promise<void> {
  const source = await ends.openSource(vm, disk.diskId);
  const target = await ends.openTarget(disk, { readOnly: false });
  const mayAct = (): Promise<void> => context.mayAct();
  await restoreClusters(
    { diskId: disk.diskId, source, target, clusters: [{ ...range, kind: 'data' }], mayAct },
    signal,
  );
  await target.close();
  await source.close();
}
