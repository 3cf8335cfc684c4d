/**
 * Brings what the conversion changed (the overlays' own clusters) to the verified copy, then reads it back and compares.
 *
 * Applying again is harmless with the same overlays and wrong with others, so the list of clusters is checkpointed before
 * the first is applied. Overlays of another conversion (this worker lost them, or another worker took over) are applied
 * only after the source's content was put back wherever the first were.
 */
import { readFile } from 'node:fs/promises';
import Type from 'typebox';
import Value from 'typebox/value';
import { overlayClusters } from '../../conversion/overlay.ts';
import { applyOverlay, restoreClusters, verifyApplied } from '../../transfer/apply.ts';
import type { Extent } from '../../transfer/disk.ts';
import { openVolume } from '../../transfer/nbd/volume.ts';
import type { DiskProgress } from '../protocol.ts';
import type { Step, StepContext } from '../step.ts';
import { tellApplied } from './applied.ts';
import { convertOnOverlays, overlayIdFile, type Converted } from './convert.ts';
import { ofDisk, openEnds, type Ends } from './ends.ts';
import { maybeResultOf, resultOf } from './results.ts';

/** Extents are stored as [offset, length, 1 for data or 0 for zero]. */
const Checkpoint = Type.Object({
  overlayId: Type.String(),
  clusters: Type.Record(Type.String(), Type.Array(Type.Tuple([Type.Integer(), Type.Integer(), Type.Integer()]))),
});
type Checkpoint = Type.Static<typeof Checkpoint>;

export const apply: Step = async (context) => {
  const first = maybeResultOf(context, 'convert');
  if (first === null) return { skipped: true };
  await using ends = await openEnds(context);
  const present = await presentOverlayId(context);
  const before = context.lease.checkpoint === null ? null : Value.Parse(Checkpoint, context.lease.checkpoint);
  // Before a new conversion: where the source can only be read in order, it works on the target copy.
  if (before !== null && before.overlayId !== present) await restore(context, ends, before);
  const { vm } = resultOf(context, 'preflight');
  const { overlayId, overlays } =
    present === '' ? await convertAgain(context) : { overlayId: present, overlays: first.overlays };

  const clusters: Checkpoint['clusters'] = {};
  for (const { diskId, path } of overlays) clusters[diskId] = await listed(path, context.signal);
  await context.failPoint('apply.checkpoint.before');
  await context.checkpoint({ overlayId, clusters } satisfies Checkpoint);
  await context.failPoint('apply.checkpoint.after');

  let bytesApplied = 0;
  const progress = new Map<string, DiskProgress>();
  for (const { diskId, path } of overlays) {
    const extents = (clusters[diskId] ?? []).map(extentOf);
    bytesApplied += await ofDisk(vm, diskId, applyOne(context, ends, { diskId, path, extents, progress }));
  }
  await context.failPoint('apply.done');
  return { value: { bytesApplied } };
};

/** Of the conversion whose overlays are whole and on this worker; empty when there is none. */
async function presentOverlayId(context: StepContext): Promise<string> {
  return (await readFile(overlayIdFile(context), 'utf8').catch(() => '')).trim();
}

async function convertAgain(context: StepContext): Promise<Converted> {
  context.log('warning', 'the overlays of the conversion are not on this worker: converting again');
  return convertOnOverlays(context);
}

async function restore(context: StepContext, ends: Ends, { clusters }: Checkpoint): Promise<void> {
  const { vm } = resultOf(context, 'preflight');
  for (const disk of resultOf(context, 'create-disks').disks) {
    const { diskId } = disk;
    const source = await ends.openSource(vm, diskId);
    const target = await ends.openTarget(disk, { readOnly: false });
    const mayAct = (): Promise<void> => context.mayAct();
    await restoreClusters(
      { diskId, source, target, mayAct, clusters: (clusters[diskId] ?? []).map(extentOf) },
      context.signal,
    );
    await target.close();
  }
}

async function applyOne(
  context: StepContext,
  ends: Ends,
  task: { diskId: string; path: string; extents: readonly Extent[]; progress: Map<string, DiskProgress> },
): Promise<number> {
  const { diskId, path, extents, progress } = task;
  const { signal } = context;
  const disk = resultOf(context, 'create-disks').disks.find((each) => each.diskId === diskId);
  if (disk === undefined) throw new Error(`the overlay of disk ${diskId} belongs to no target disk`);
  const totalBytes = extents.reduce((sum, extent) => sum + extent.length, 0);
  // Our own qcow2, opened without what lies behind it: only its own clusters are read.
  const image = { path, format: 'qcow2', readOnly: true, startsZeroed: false } as const;
  const overlay = await openVolume(image, context.directory, signal);
  try {
    const target = await ends.openTarget(disk, { readOnly: false });
    const onProgress = (phase: string, done: number): void => {
      const shown = {
        bytesDone: done,
        bytesTotal: totalBytes,
        bytesMoved: done,
        bytesPerSecond: 0,
        etaSeconds: null,
        waited: null,
      };
      progress.set(diskId, { diskId, ...shown });
      context.progress({ phase, fraction: null, disks: [...progress.values()] });
    };
    await applyOverlay(
      {
        diskId,
        overlay,
        target,
        clusters: extents,
        totalBytes,
        mayAct: () => context.mayAct(),
        failPoint: (point) => context.failPoint(point),
        onProgress: (done) => onProgress('applying', done),
      },
      signal,
    );
    await target.close();
    const fresh = await ends.openTarget(disk, { readOnly: true });
    await verifyApplied(
      { diskId, overlay, target: fresh, clusters: extents, onProgress: (done) => onProgress('reading back', done) },
      signal,
    );
    await tellApplied(context, disk, { target: fresh, clusters: extents });
    return totalBytes;
  } finally {
    await overlay.close();
  }
}

/** Neighbours of one kind become one, so that the list stays short. */
async function listed(path: string, signal: AbortSignal): Promise<Checkpoint['clusters'][string]> {
  const list: [number, number, number][] = [];
  for await (const { offset, length, kind } of overlayClusters(path, signal)) {
    const data = kind === 'data' ? 1 : 0;
    const last = list.at(-1);
    if (last !== undefined && last[0] + last[1] === offset && last[2] === data) last[1] += length;
    else list.push([offset, length, data]);
  }
  return list;
}

function extentOf([offset, length, data]: readonly [number, number, number]): Extent {
  return { offset, length, kind: data === 1 ? 'data' : 'zero' };
}
