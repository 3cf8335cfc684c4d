/**
 * Reads the target back, over fresh connections past the page cache, and compares it with what the copy digested at the
 * source; what was proved while the copy ran is not read again. A chunk that differs is copied from the source once more; if it
 * still differs, the VM migration ends.
 */
import { provedChunks } from '../../transfer/follow.ts';
import type { DiskProgress } from '../protocol.ts';
import type { Step } from '../step.ts';
import { ofDisk, openEnds } from './ends.ts';
import { stillDiscarded, wholeChunks } from './missing.ts';
import { proveDisk } from './prove.ts';
import { maybeResultOf, resultOf } from './results.ts';

export const verify: Step = async (context) => {
  if (context.lease.vmMigration.spec.options.verify === 'none') return { skipped: true };
  const { vm } = resultOf(context, 'preflight');
  const { disks } = resultOf(context, 'create-disks');
  await using ends = await openEnds(context);
  const left = await stillDiscarded(context, ends);
  const progress = new Map<string, DiskProgress>();
  const report = (disk: DiskProgress): void => {
    progress.set(disk.diskId, disk);
    context.progress({ phase: 'reading back', fraction: null, disks: [...progress.values()] });
  };
  let bytesRead = 0;
  for (const [index, disk] of disks.entries()) {
    const { diskId } = disk;
    const discarded = left.get(diskId) ?? [];
    const proved = provedChunks(maybeResultOf(context, 'copy')?.proved?.[diskId] ?? []);
    const known = [...new Set([...proved, ...wholeChunks(discarded, disk.sizeBytes)])];
    const proof = { vm, disk, index, known, discarded, report };
    bytesRead += await ofDisk(vm, diskId, proveDisk(context, ends, proof));
  }
  return { value: { bytesRead } };
};
