/**
 * Brings what the conversion changed (the overlays' own clusters) to the verified copy, then reads it back and compares.
 *
 * Applying again is harmless with the same overlays and wrong with others, so the list of clusters is checkpointed before
 * the first is applied. Overlays of another conversion (this worker lost them, or another worker took over) are applied
 * only after the source's content was put back wherever the first were.
 */
import Value from 'typebox/value';
import { overlayClusters } from '../../conversion/overlay.ts';
import { applyOverlay, verifyApplied } from '../../transfer/apply.ts';
import { chunkBytes, chunkCount } from '../../transfer/digest.ts';
import type { Extent, Range } from '../../transfer/disk.ts';
import { openVolume } from '../../transfer/nbd/volume.ts';
import type { DiskProgress } from '../protocol.ts';
import type { Step, StepContext } from '../step.ts';
import { tellApplied } from './applied.ts';
import { presentConversion } from './conversions.ts';
import { convertAgain } from './convert.ts';
import { ofDisk, openEnds, type Ends } from './ends.ts';
import { stillDiscarded } from './missing.ts';
import { proveDisk } from './prove.ts';
import { Applied, extentOf, restore } from './restore.ts';
import { maybeResultOf, resultOf } from './results.ts';

export const apply: Step = async (context) => {
  const first = maybeResultOf(context, 'convert');
  if (first === null) return { skipped: true };
  await using ends = await openEnds(context);
  const present = await presentConversion(context, ends.identity);
  const before = context.lease.checkpoint === null ? null : Value.Parse(Applied, context.lease.checkpoint);
  // Before a new conversion: where the source can only be read in order, it works on the target copy.
  const same = present !== null && present.overlayId === before?.overlayId;
  if (!same) await backToCopy(context, ends, before);
  else await stillDiscarded(context, ends); // what was missing was copied and proved before this list was saved
  const { vm } = resultOf(context, 'preflight');
  const { overlayId, overlays, guest } = present ?? (await convertAgain(context, ends));

  const clusters: Applied['clusters'] = {};
  for (const { diskId, path } of overlays) clusters[diskId] = await listed(path, context.signal);
  await context.failPoint('apply.checkpoint.before');
  await context.checkpoint({ overlayId, clusters } satisfies Applied);
  await context.failPoint('apply.checkpoint.after');

  let bytesApplied = 0;
  const progress = new Map<string, DiskProgress>();
  for (const { diskId, path } of overlays) {
    const extents = (clusters[diskId] ?? []).map(extentOf);
    bytesApplied += await ofDisk(vm, diskId, applyOne(context, ends, { diskId, path, extents, progress }));
  }
  await context.failPoint('apply.done');
  return { value: { bytesApplied, guest } };
};

/** The target is the source's copy again, wholly, and proved to be so wherever it had to be mended. */
async function backToCopy(context: StepContext, ends: Ends, before: Applied | null): Promise<void> {
  const { vm } = resultOf(context, 'preflight');
  if (before !== null) await restore(context, ends, before);
  const still = await stillDiscarded(context, ends);
  if (context.lease.vmMigration.spec.options.verify === 'none') return;
  for (const [index, disk] of resultOf(context, 'create-disks').disks.entries()) {
    const mended = touched((before?.clusters[disk.diskId] ?? []).map(extentOf), disk.sizeBytes);
    const left = still.size > 0 ? [] : (maybeResultOf(context, 'copy')?.discarded?.disks[disk.diskId] ?? []);
    for (const [offset, length] of left) for (const chunk of chunksIn({ offset, length })) mended.add(chunk);
    if (mended.size === 0) continue;
    const known = Array.from({ length: chunkCount(disk.sizeBytes) }, (_, chunk) => chunk).filter(
      (chunk) => !mended.has(chunk),
    );
    const report = (progress: DiskProgress): void =>
      context.progress({ phase: 'reading back', fraction: null, disks: [progress] });
    const discarded = still.get(disk.diskId) ?? [];
    await ofDisk(vm, disk.diskId, proveDisk(context, ends, { vm, disk, index, known, discarded, report }));
  }
}

/** The chunks of a disk that extents touch; what lies beyond its end touches none. */
function touched(extents: readonly Extent[], sizeBytes: number): Set<number> {
  const inside = extents.filter(({ offset }) => offset < sizeBytes);
  return new Set(
    inside.flatMap(({ offset, length }) => chunksIn({ offset, length: Math.min(length, sizeBytes - offset) })),
  );
}

function chunksIn({ offset, length }: Range): number[] {
  const first = Math.floor(offset / chunkBytes);
  const last = Math.floor((offset + length - 1) / chunkBytes);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
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
async function listed(path: string, signal: AbortSignal): Promise<Applied['clusters'][string]> {
  const list: [number, number, number][] = [];
  for await (const { offset, length, kind } of overlayClusters(path, signal)) {
    const data = kind === 'data' ? 1 : 0;
    const last = list.at(-1);
    if (last !== undefined && last[0] + last[1] === offset && last[2] === data) last[1] += length;
    else list.push([offset, length, data]);
  }
  return list;
}
