/** After a conversion was applied and proved: the digests that the disk has now, so that its manifest is about what it holds. */
import { appliedDigests } from '../../transfer/applied-digests.ts';
import { leavesPerChunk } from '../../transfer/digest.ts';
import type { Disk, Extent } from '../../transfer/disk.ts';
import { openJournal } from '../../transfer/journal.ts';
import type { TargetDisk } from '../../providers/provider.ts';
import type { JournalEntry } from '../protocol.ts';
import type { StepContext } from '../step.ts';
import { journalHeader } from './record.ts';
import { resultOf } from './results.ts';
import { copiedIdentity } from './same-source.ts';

/** Chunks whose leaves are read from the journal at once: half a TiB of disk, some 20 MB of memory. */
const windowChunks = 8_192;
const tellAtOnce = 1_024;

export async function tellApplied(
  context: StepContext,
  disk: TargetDisk,
  applied: { readonly target: Disk; readonly clusters: readonly Extent[] },
): Promise<void> {
  const { diskId } = disk;
  const { vm } = resultOf(context, 'preflight');
  const index = resultOf(context, 'create-disks').disks.findIndex((each) => each.diskId === diskId);
  const sizeBytes = vm.disks.find((each) => each.id === diskId)?.sizeBytes ?? disk.sizeBytes;
  await using journal = await openJournal(
    `${context.directory}/journal-${index}`,
    journalHeader(context, { disk, sizeBytes, identity: copiedIdentity(context) }),
  );
  let loaded = { from: 0, leaves: new Map<number, Buffer>() };
  const leavesOf = async (chunk: number): Promise<ReadonlyMap<number, Buffer>> => {
    if (loaded.leaves.size === 0 || chunk < loaded.from || chunk >= loaded.from + windowChunks) {
      loaded = { from: chunk, leaves: await journal.leavesOf(chunk, windowChunks) };
    }
    const found = new Map<number, Buffer>();
    for (let leaf = chunk * leavesPerChunk; leaf < (chunk + 1) * leavesPerChunk; leaf += 1) {
      const digest = loaded.leaves.get(leaf);
      if (digest !== undefined) found.set(leaf, digest);
    }
    return found;
  };
  let entries: JournalEntry[] = [];
  for await (const { chunk, digest } of appliedDigests({ ...applied, sizeBytes, leavesOf }, context.signal)) {
    entries.push({ diskId, chunk, digest: digest.toString('hex'), applied: true });
    if (entries.length < tellAtOnce) continue;
    context.journal(entries);
    entries = [];
  }
  if (entries.length > 0) context.journal(entries);
}
