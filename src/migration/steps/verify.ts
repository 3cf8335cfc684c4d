/**
 * Reads the target back, over fresh connections past the page cache, and compares it with what the copy digested at the
 * source; what was proved while the copy ran is not read again. A chunk that differs is copied from the source once more; if it still differs, the VM migration ends.
 */
import { copyRange } from './copy-range.ts';
import { chunkCount, chunkRange } from '../../transfer/digest.ts';
import { provedChunks, rest } from '../../transfer/follow.ts';
import { openJournal } from '../../transfer/journal.ts';
import { verifyDisk } from '../../transfer/verify.ts';
import type { TargetDisk } from '../../providers/provider.ts';
import type { Vm } from '../../model/vm.ts';
import type { DiskProgress } from '../protocol.ts';
import type { Step, StepContext } from '../step.ts';
import { journalHeader } from './copy.ts';
import { diskName, mismatchText, ofDisk, openEnds, type Ends } from './ends.ts';
import { maybeResultOf, resultOf } from './results.ts';

export const verify: Step = async (context) => {
  if (context.lease.vmMigration.spec.options.verify === 'none') return { skipped: true };
  const { vm } = resultOf(context, 'preflight');
  const { disks } = resultOf(context, 'create-disks');
  await using ends = await openEnds(context);
  const progress = new Map<string, DiskProgress>();
  const report = (disk: DiskProgress): void => {
    progress.set(disk.diskId, disk);
    context.progress({ phase: 'reading back', fraction: null, disks: [...progress.values()] });
  };
  let bytesRead = 0;
  for (const [index, disk] of disks.entries()) {
    bytesRead += await ofDisk(vm, disk.diskId, verifyOne(context, ends, { vm, disk, index, report }));
  }
  return { value: { bytesRead } };
};

async function verifyOne(
  context: StepContext,
  ends: Ends,
  task: { vm: Vm; disk: TargetDisk; index: number; report: (progress: DiskProgress) => void },
): Promise<number> {
  const { vm, disk, index, report } = task;
  const { diskId } = disk;
  const sizeBytes = vm.disks.find((each) => each.id === diskId)?.sizeBytes ?? disk.sizeBytes;
  await using journal = await openJournal(
    `${context.directory}/journal-${index}`,
    journalHeader(context, disk, sizeBytes),
  );
  for (const { chunk, digest } of await context.chunks(diskId)) {
    if (journal.coverage.chunk(chunk) === undefined) journal.coverage.markChunk(chunk, Buffer.from(digest, 'hex'));
  }
  const known = provedChunks(maybeResultOf(context, 'copy')?.proved?.[diskId] ?? []);
  const before = known.reduce((sum, chunk) => sum + chunkRange(chunk, sizeBytes).length, 0);
  const begun = performance.now();
  const { bytesRead, copiedAgain } = await verifyDisk(
    {
      diskId,
      coverage: journal.coverage,
      feed: rest(chunkCount(sizeBytes), known),
      open: () => ends.openTarget(disk, { readOnly: true }),
      leavesOf: (chunk) => journal.leavesOf(chunk),
      copyAgain: (_chunk, range, signal) => copyRange(context, ends, { vm, disk, range }, signal),
      onMismatch: (wrong) =>
        context.log('warning', `${mismatchText(vm, diskId, wrong)}: its chunk is copied once more`),
      failPoint: (point) => context.failPoint(point),
      limits: [context.limit],
      onProgress: (bytesProved, bytesTotal) => {
        const bytesDone = before + bytesProved;
        const bytesPerSecond = bytesProved / Math.max(0.001, (performance.now() - begun) / 1000);
        const etaSeconds = bytesPerSecond === 0 ? null : (bytesTotal - bytesDone) / bytesPerSecond;
        report({ diskId, bytesDone, bytesTotal, bytesMoved: bytesProved, bytesPerSecond, etaSeconds, waited: null });
      },
    },
    context.signal,
  );
  if (copiedAgain.length > 0) {
    context.log(
      'info',
      `disk ${diskName(vm, diskId)}: ${copiedAgain.length} chunks are right after being copied again`,
    );
  }
  return bytesRead;
}
