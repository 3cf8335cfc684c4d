/**
 * Where a conversion was applied to the target copy, or begun to be. Applying again is harmless with the same overlays and
 * wrong with others; so this list is durable before the first cluster is applied, and whoever goes on with something else
 * puts the source's content back there first. The source is frozen: it still has it.
 */
import Type from 'typebox';
import Value from 'typebox/value';
import { restoreClusters } from '../../transfer/apply.ts';
import type { Extent } from '../../transfer/disk.ts';
import type { StepContext } from '../step.ts';
import { ofDisk, type Ends } from './ends.ts';
import { resultOf } from './results.ts';

/** By disk id; extents are stored as [offset, length, 1 for data or 0 for zero]. */
export const Applied = Type.Object({
  overlayId: Type.String(),
  clusters: Type.Record(Type.String(), Type.Array(Type.Tuple([Type.Integer(), Type.Integer(), Type.Integer()]))),
});
export type Applied = Type.Static<typeof Applied>;

/** What a retry's copy begins with. */
const CopyCheckpoint = Type.Object({ applied: Type.Optional(Applied) });

/** In a retry: undoes at the target what the VM migration before it had applied. */
export async function restoreEarlier(context: StepContext, ends: Ends): Promise<void> {
  const { checkpoint } = context.lease;
  if (checkpoint === null || checkpoint === undefined) return;
  const { applied } = Value.Parse(CopyCheckpoint, checkpoint);
  if (applied === undefined) return;
  context.log('info', 'a conversion had been applied before: the source’s content is put back where it was');
  await restore(context, ends, applied);
  await context.checkpoint({});
}

/** The source's content wherever the conversion was applied, flushed when it resolves. */
export async function restore(context: StepContext, ends: Ends, { clusters }: Applied): Promise<void> {
  const { vm } = resultOf(context, 'preflight');
  for (const disk of resultOf(context, 'create-disks').disks) {
    const { diskId } = disk;
    const list = (clusters[diskId] ?? []).map(extentOf);
    if (list.length === 0) continue;
    const work = async (): Promise<void> => {
      const source = await ends.openSource(vm, diskId);
      const target = await ends.openTarget(disk, { readOnly: false });
      const mayAct = (): Promise<void> => context.mayAct();
      await restoreClusters({ diskId, source, target, mayAct, clusters: list }, context.signal);
      await target.close();
      await source.close();
    };
    await ofDisk(vm, diskId, work());
  }
}

export function extentOf([offset, length, data]: readonly [number, number, number]): Extent {
  return { offset, length, kind: data === 1 ? 'data' : 'zero' };
}
