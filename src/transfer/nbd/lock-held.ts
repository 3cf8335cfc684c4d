/**
 * Who writes to an image past its qemu-nbd relies on that process all the same: it holds the file's lock, so that nobody else
 * writes to it. When it has ended, nothing more may be written, and what was written since proves nothing.
 */
import { connectionFailure } from './failure.ts';

/**
 * @param ended what the process said last, once it has ended
 * @returns throws transfer.connection_lost (passing: open the image anew) from then on
 */
export function lockHeld(ended: Promise<string>, where: string): () => void {
  let words: string | undefined;
  void ended.then((said) => {
    words = said;
  });
  return () => {
    if (words !== undefined) throw connectionFailure(new Error(words), where, '', true);
  };
}
