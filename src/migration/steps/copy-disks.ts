/**
 * Copies all disks of the VM at once, each with a journal of its own in this worker's directory. What the server was told
 * of (by another worker, whose journal is gone) is not copied again either, as long as source and target are the same.
 */
import type { TargetDisk } from '../../providers/provider.ts';
import { type CopyProgress, copyDisk } from '../../transfer/copy.ts';
import type { Disk, Range } from '../../transfer/disk.ts';
import { chunkRuns, follow, type FollowerTold } from '../../transfer/follow.ts';
import type { Vm } from '../../model/vm.ts';
import type { DiskProgress } from '../protocol.ts';
import type { StepContext } from '../step.ts';
import { diskName, mismatchText, ofDisk, type Ends } from './ends.ts';
import { type Over, openComposed } from './overlays.ts';
import { openFreshRecord, openRecord } from './record.ts';
import { resultOf } from './results.ts';
import type { Trimmed } from './trimmed.ts';
import { untoldChunks } from './untold.ts';

export type CopiedDisks = {
  readonly bytesMoved: number;
  /** Chunks that were read back and found right meanwhile, as runs of first and count, by disk id. */
  readonly proved: ReadonlyMap<string, [number, number][]>;
  /** What was left out, by disk id; only of disks of which something was. */
  readonly discarded: ReadonlyMap<string, readonly Range[]>;
};

/**
 * `trimmed`: what a finished conversion has made needless, asked for again and again. `over`: overlays whose content is copied
 * where they have any.
 */
export async function copyDisks(
  context: StepContext,
  ends: Ends,
  trimmed: () => Trimmed | null,
  over: ReadonlyMap<string, Over> = new Map(),
): Promise<CopiedDisks> {
  const { vm } = resultOf(context, 'preflight');
  const { disks } = resultOf(context, 'create-disks');
  const progress = new Map<string, DiskProgress>();
  const report = (disk: DiskProgress): void => {
    progress.set(disk.diskId, disk);
    context.progress({ phase: '', fraction: null, disks: [...progress.values()] });
  };
  const proved = new Map<string, [number, number][]>();
  const discarded = new Map<string, readonly Range[]>();
  // One disk that fails ends the others: their copies would be undone anyway.
  const others = new AbortController();
  const signal = AbortSignal.any([context.signal, others.signal]);
  const settled = await Promise.allSettled(
    disks.map((disk, index) => {
      const open = (): Promise<Disk> => openComposed(ends, vm, disk.diskId, over.get(disk.diskId));
      const task: Task = { open, context, ends, vm, disk, index, report, proved, discarded, trimmed, signal };
      return ofDisk(vm, disk.diskId, copyOne(task)).catch((error: unknown) => {
        others.abort(error);
        throw error;
      });
    }),
  );
  context.signal.throwIfAborted();
  if (others.signal.aborted) throw others.signal.reason;
  const bytesMoved = settled.reduce((sum, each) => sum + (each.status === 'fulfilled' ? each.value : 0), 0);
  return { bytesMoved, proved, discarded };
}

type Task = {
  readonly context: StepContext;
  readonly ends: Ends;
  readonly vm: Vm;
  readonly disk: TargetDisk;
  readonly index: number;
  readonly report: (progress: DiskProgress) => void;
  readonly proved: Map<string, [number, number][]>;
  readonly discarded: Map<string, readonly Range[]>;
  readonly trimmed: () => Trimmed | null;
  /** What is copied, freshly opened. */
  readonly open: () => Promise<Disk>;
  readonly signal: AbortSignal;
};

/** Resolves with the bytes that were read. */
async function copyOne(task: Task): Promise<number> {
  const { context, ends, vm, disk, index, report, proved, discarded, trimmed, signal } = task;
  const { diskId } = disk;
  const source = await task.open();
  const target = await ends.openTarget(disk, { readOnly: false });
  const about = { disk, sizeBytes: source.sizeBytes, identity: ends.identity };
  const stream = ends.target.access === 'stream';
  await using record = stream
    ? await openFreshRecord(context, about, index, 'its target takes it as one stream, and that was cut off')
    : await openRecord(context, about, index);
  const { journal, known, startedOver } = record;
  if (startedOver !== null)
    context.log('warning', `disk ${diskName(vm, diskId)}: copied from the beginning: ${startedOver}`);
  context.journal(untoldChunks(diskId, journal.coverage, source.sizeBytes, known));
  const verified = context.lease.vmMigration.spec.options.verify !== 'none';
  const follower = verified ? follow(diskId, target, journal.coverage, signal, toldOf(task)) : null;
  const result = await copyDisk(
    {
      diskId,
      source,
      target,
      journal,
      known,
      limits: [context.limit],
      mayAct: () => context.mayAct(),
      failPoint: (point) => context.failPoint(point),
      onChunk: (chunks) => {
        context.journal(chunks.map(({ chunk, digest }) => ({ diskId, chunk, digest: digest.toString('hex') })));
        follower?.done(chunks);
      },
      onProgress: (progress) => report(reported(progress)),
      reopenSource: task.open,
      ...(!stream && { reopenTarget: () => ends.openTarget(disk, { readOnly: false }) }),
      discarded: () => trimmed()?.ranges.get(diskId) ?? [],
    },
    signal,
  ).finally(() => follower?.end());
  proved.set(diskId, chunkRuns((await follower?.proved()) ?? []));
  if (result.discarded.length > 0) discarded.set(diskId, result.discarded);
  if (result.restarts > 0)
    context.log('warning', `disk ${diskName(vm, diskId)}: connections were opened again ${result.restarts} times`);
  return result.bytesMoved;
}

/** What the read-back beside the copy has to say; the verification after it decides. */
function toldOf({ context, vm, disk: { diskId } }: Task): FollowerTold {
  return {
    onMismatch: (wrong) =>
      context.log('warning', `${mismatchText(vm, diskId, wrong)}: the verification after the copy decides`),
    onUnconfirmed: (chunks, cause) => {
      const why =
        cause instanceof Error ? cause.message : 'written to since, or not where QEMU finds them in the image';
      const what = `${chunks} chunks that were read back during the copy are read back once more`;
      context.log('warning', `disk ${diskName(vm, diskId)}: ${what}: ${why}`);
    },
  };
}

function reported({ samples, ...progress }: CopyProgress): DiskProgress {
  const told = samples.map(({ at, bytesPerSecond }): [number, number] => [
    Math.round(at / 100) / 10,
    Math.round(bytesPerSecond),
  ]);
  return { ...progress, waited: { ...progress.waited }, samples: told };
}
