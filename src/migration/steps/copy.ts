/**
 * Copies all disks of the VM at once, each with a journal of its own in this worker's directory. What the server was told
 * of (by another worker, whose journal is gone) is not copied again either, as long as the source is the same.
 */
import type { TargetDisk } from '../../providers/provider.ts';
import { type CopyProgress, copyDisk } from '../../transfer/copy.ts';
import { chunkRuns, follow } from '../../transfer/follow.ts';
import { type JournalHeader, openJournal } from '../../transfer/journal.ts';
import type { Mismatch } from '../../transfer/verify.ts';
import { WherryError } from '../../model/errors.ts';
import type { Vm } from '../../model/vm.ts';
import type { DiskProgress } from '../protocol.ts';
import type { Step, StepContext } from '../step.ts';
import { mismatchText, ofDisk, openEnds, type Ends } from './ends.ts';
import { resultOf } from './results.ts';
import { untoldChunks } from './untold.ts';

export const copy: Step = async (context) => {
  const { vm, identity } = resultOf(context, 'preflight');
  const { disks } = resultOf(context, 'create-disks');
  await using ends = await openEnds(context);
  const now = await ends.source.identity(vm, context.signal);
  const progress = new Map<string, DiskProgress>();
  const report = (disk: DiskProgress): void => {
    progress.set(disk.diskId, disk);
    context.progress({ phase: '', fraction: null, disks: [...progress.values()] });
  };
  const proved = new Map<string, [number, number][]>();
  await context.failPoint('copy.opened');
  // One disk that fails ends the others: their copies would be undone anyway.
  const others = new AbortController();
  const signal = AbortSignal.any([context.signal, others.signal]);
  const copies = disks.map((disk, index) => {
    const task: Task = { context, ends, vm, disk, index, report, proved, signal };
    if (now[disk.diskId] !== identity[disk.diskId]) {
      throw new WherryError('transfer.source_changed', { disk: disk.diskId, vm: vm.name });
    }
    return ofDisk(vm, disk.diskId, copyOne(task));
  });
  const settled = await Promise.allSettled(
    copies.map((each) =>
      each.catch((error: unknown) => {
        others.abort(error);
        throw error;
      }),
    ),
  );
  context.signal.throwIfAborted();
  if (others.signal.aborted) throw others.signal.reason;
  const bytesMoved = settled.reduce((sum, each) => sum + (each.status === 'fulfilled' ? each.value : 0), 0);
  await context.failPoint('copy.done');
  return { value: { bytesMoved, proved: Object.fromEntries(proved) } };
};

type Task = {
  readonly context: StepContext;
  readonly ends: Ends;
  readonly vm: Vm;
  readonly disk: TargetDisk;
  readonly index: number;
  readonly report: (progress: DiskProgress) => void;
  readonly proved: Map<string, [number, number][]>;
  readonly signal: AbortSignal;
};

/** Resolves with the bytes that were read. */
async function copyOne({ context, ends, vm, disk, index, report, proved, signal }: Task): Promise<number> {
  const { diskId } = disk;
  const source = await ends.openSource(vm, diskId);
  const target = await ends.openTarget(disk, { readOnly: false });
  const header = journalHeader(context, disk, source.sizeBytes);
  await using journal = await openJournal(`${context.directory}/journal-${index}`, header);
  const known = (await context.chunks(diskId, { startOver: journal.startedOver !== null })).map(
    ({ chunk, digest }) => ({
      chunk,
      digest: Buffer.from(digest, 'hex'),
    }),
  );
  context.journal(untoldChunks(diskId, journal.coverage, source.sizeBytes, known));
  const verified = context.lease.vmMigration.spec.options.verify !== 'none';
  const onMismatch = (wrong: Mismatch): void =>
    context.log('warning', `${mismatchText(vm, diskId, wrong)}: the verification after the copy decides`);
  const follower = verified ? follow(diskId, target, journal.coverage, signal, onMismatch) : null;
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
      reopenSource: () => ends.openSource(vm, diskId),
      reopenTarget: () => ends.openTarget(disk, { readOnly: false }),
    },
    signal,
  ).finally(() => follower?.end());
  proved.set(diskId, chunkRuns((await follower?.proved()) ?? []));
  if (result.startedOver !== null)
    context.log('warning', `disk ${diskId}: copied from the beginning: ${result.startedOver}`);
  if (result.restarts > 0)
    context.log('warning', `disk ${diskId}: connections were opened again ${result.restarts} times`);
  return result.bytesMoved;
}

function reported({ samples, ...progress }: CopyProgress): DiskProgress {
  const told = samples.map(({ at, bytesPerSecond }): [number, number] => [
    Math.round(at / 100) / 10,
    Math.round(bytesPerSecond),
  ]);
  return { ...progress, waited: { ...progress.waited }, samples: told };
}

/** What a disk's journal is about: the source disk as preflight saw it, and this target disk. */
export function journalHeader(context: StepContext, disk: TargetDisk, sizeBytes: number): JournalHeader {
  const seen = resultOf(context, 'preflight').identity[disk.diskId] ?? '';
  return { diskId: disk.diskId, sizeBytes, identity: `${seen} → ${JSON.stringify(disk.ref)}` };
}
