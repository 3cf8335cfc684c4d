/**
 * Whose part of a file is being written: one at a time. Two senders at one offset would mix their bytes, and one that comes
 * late would change what another was told to be there.
 */
import { WherryError } from '../model/errors.ts';

/** How long what was written is held against a part that begins before its end: its answer is on its way to the server. */
const settleMs = 5_000;

type Turn = { writing: boolean; reached: number; timer: NodeJS.Timeout | null };
const turns = new Map<string, Turn>();

/**
 * Disposed of when the part is written, or was given up.
 * @throws upload.busy
 */
export function takeTurn(
  uploadId: string,
  { name, offset, waitMs = settleMs }: { readonly name: string; readonly offset: number; readonly waitMs?: number },
): Disposable & { reached(offset: number): void } {
  const before = turns.get(uploadId);
  if (before !== undefined && (before.writing || offset < before.reached))
    throw new WherryError('upload.busy', { name });
  if (before?.timer != null) clearTimeout(before.timer);
  const turn: Turn = { writing: true, reached: 0, timer: null };
  turns.set(uploadId, turn);
  return {
    reached: (end) => {
      turn.reached = end;
    },
    [Symbol.dispose]: () => {
      turn.writing = false;
      turn.timer = setTimeout(() => turns.delete(uploadId), waitMs).unref();
    },
  };
}
