import { chunkBytes } from '../../transfer/digest.ts';
import type { Coverage } from '../../transfer/coverage.ts';
import type { JournalEntry } from '../protocol.ts';

/**
 * Chunks that this worker's journal holds and the server has not been told of: whoever was killed between the two had
 * written them down, so that they are not copied again, and so nobody would ever tell of them. `told`: what the server has.
 */
export function untoldChunks(
  diskId: string,
  coverage: Pick<Coverage, 'chunk'>,
  sizeBytes: number,
  told: Iterable<{ readonly chunk: number }>,
): JournalEntry[] {
  const known = new Set([...told].map(({ chunk }) => chunk));
  const untold: JournalEntry[] = [];
  for (let chunk = 0; chunk * chunkBytes < sizeBytes; chunk += 1) {
    const digest = known.has(chunk) ? undefined : coverage.chunk(chunk);
    if (digest !== undefined) untold.push({ diskId, chunk, digest: digest.toString('hex') });
  }
  return untold;
}
