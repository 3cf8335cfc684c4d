/** What is known of the copy of a disk: the journal of this worker, and the chunks that the server was told of. */
import { rm, stat } from 'node:fs/promises';
import type { TargetDisk } from '../../providers/provider.ts';
import type { ChunkDigest } from '../../transfer/coverage.ts';
import { type Journal, type JournalHeader, openJournal } from '../../transfer/journal.ts';
import type { StepContext } from '../step.ts';
import { openRow } from './recorded.ts';
import type { Identity } from './same-source.ts';

export type CopyOf = { readonly disk: TargetDisk; readonly sizeBytes: number; readonly identity: Identity };

/** What a disk's journal is about: the source disk as it was read, and this target disk since it was made. */
export function journalHeader(context: StepContext, { disk, sizeBytes, identity }: CopyOf): JournalHeader {
  const seen = identity[disk.diskId] ?? '';
  const made = openRow(context, 'target-disk', disk.diskId)?.id ?? '';
  return { diskId: disk.diskId, sizeBytes, identity: `${seen} → ${JSON.stringify(disk.ref)} ${made}` };
}

/** Closes the journal when it is disposed of. */
export type CopyRecord = AsyncDisposable & {
  readonly journal: Journal;
  readonly known: readonly ChunkDigest[];
  /** Why what was copied before counts for nothing; null when it counts, or there was nothing. */
  readonly startedOver: string | null;
};

/**
 * Opens the record to copy by it. Journal and server must both be about this source and this target disk; when one of them is
 * not, both begin anew.
 */
export async function openRecord(context: StepContext, copy: CopyOf, index: number): Promise<CopyRecord> {
  const header = journalHeader(context, copy);
  const path = journalPath(context, index);
  const journal = await openJournal(path, header);
  try {
    const { diskId } = copy.disk;
    const { identity } = header;
    const ask = { identity, ...(journal.startedOver !== null && { startOver: journal.startedOver }) };
    const answer = await context.chunks(diskId, ask);
    if (answer.startedOver === null || journal.startedOver !== null) {
      return recordOf(journal, chunksOf(answer), journal.startedOver ?? answer.startedOver);
    }
    // Somebody else has copied something else there since this journal was written.
    await journal[Symbol.asyncDispose]();
    const anew = await openJournal(path, header, answer.startedOver);
    return recordOf(anew, [], answer.startedOver);
  } catch (error) {
    await journal[Symbol.asyncDispose]();
    throw error;
  }
}

/** Opens it for a copy that always begins at the beginning: nothing that was known counts. */
export async function openFreshRecord(
  context: StepContext,
  copy: CopyOf,
  index: number,
  why: string,
): Promise<CopyRecord> {
  const header = journalHeader(context, copy);
  const path = journalPath(context, index);
  const before = await stat(path).catch(() => null);
  await rm(path, { force: true });
  const { startedOver } = await context.chunks(copy.disk.diskId, { identity: header.identity, startOver: why });
  const journal = await openJournal(path, header);
  return recordOf(journal, [], before === null ? startedOver : why);
}

function recordOf(journal: Journal, known: readonly ChunkDigest[], startedOver: string | null): CopyRecord {
  return { journal, known, startedOver, [Symbol.asyncDispose]: () => journal[Symbol.asyncDispose]() };
}

/** The same, to prove the copy by: nothing begins anew, and the server's chunks stand where this worker has no own. */
export async function openProof(context: StepContext, copy: CopyOf, index: number): Promise<Journal> {
  const journal = await openJournal(journalPath(context, index), journalHeader(context, copy));
  for (const { chunk, digest } of chunksOf(await context.chunks(copy.disk.diskId))) {
    if (journal.coverage.chunk(chunk) === undefined) journal.coverage.markChunk(chunk, digest);
  }
  return journal;
}

function chunksOf({ chunks }: Awaited<ReturnType<StepContext['chunks']>>): ChunkDigest[] {
  return chunks.map(({ chunk, digest }) => ({ chunk, digest: Buffer.from(digest, 'hex') }));
}

function journalPath(context: StepContext, index: number): string {
  return `${context.directory}/journal-${index}`;
}
