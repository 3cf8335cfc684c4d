/** Reads a target disk back and compares it with what the copy digested at the source; what differs is copied once more. */
import { chunkCount, chunkRange } from '../../transfer/digest.ts';
import type { Range } from '../../transfer/disk.ts';
import { rest } from '../../transfer/follow.ts';
import { verifyDisk } from '../../transfer/verify.ts';
import type { TargetDisk } from '../../providers/provider.ts';
import type { Vm } from '../../model/vm.ts';
import type { DiskProgress } from '../protocol.ts';
import type { StepContext } from '../step.ts';
import { copyRange } from './copy-range.ts';
import { diskName, mismatchText, type Ends } from './ends.ts';
import { openProof } from './record.ts';

export type Proof = {
  readonly vm: Vm;
  readonly disk: TargetDisk;
  /** Its place in the VM. */
  readonly index: number;
  /** Chunks that need not be read: proved already, or wholly discarded. */
  readonly known: readonly number[];
  /** Not copied on purpose: not compared. */
  readonly discarded: readonly Range[];
  readonly report: (progress: DiskProgress) => void;
};

/**
 * Over fresh connections past the page cache. Resolves with the bytes that were read.
 * @throws transfer.verify_mismatch (disk, offset, length, expected, found) for what is still wrong when copied again.
 */
export async function proveDisk(context: StepContext, ends: Ends, proof: Proof): Promise<number> {
  const { vm, disk, index, known, report } = proof;
  const { diskId } = disk;
  const sizeBytes = vm.disks.find((each) => each.id === diskId)?.sizeBytes ?? disk.sizeBytes;
  await using journal = await openProof(context, { disk, sizeBytes, identity: ends.identity }, index);
  const before = known.reduce((sum, chunk) => sum + chunkRange(chunk, sizeBytes).length, 0);
  const begun = performance.now();
  const { bytesRead, copiedAgain } = await verifyDisk(
    {
      diskId,
      coverage: journal.coverage,
      feed: rest(chunkCount(sizeBytes), known),
      discarded: proof.discarded,
      open: () => ends.openTarget(disk, { readOnly: true }),
      leavesOf: (chunk) => journal.leavesOf(chunk),
      // In the middle of a stream nothing can be mended.
      ...(ends.target.access !== 'stream' && {
        copyAgain: (_chunk: number, range: Range, signal: AbortSignal) =>
          copyRange(context, ends, { vm, disk, range }, signal),
      }),
      onMismatch: (wrong) =>
        context.log(
          'warning',
          `${mismatchText(vm, diskId, wrong)}${ends.target.access === 'stream' ? '' : ': its chunk is copied once more'}`,
        ),
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
