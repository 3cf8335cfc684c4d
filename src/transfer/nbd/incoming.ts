/** What a socket sends, in exact portions: for the server, which must be able to stop listening for a while. */
import type { Socket } from 'node:net';

export type Incoming = {
  /** Fills the buffer. Resolves with false when the peer ended exactly before it; rejects when it ended inside it. */
  fill(target: Buffer): Promise<boolean>;
  /** Passes over that many bytes. */
  skip(count: number): Promise<void>;
};

/** More than this is never held: the socket is paused, and the kernel's buffers slow the peer down. */
const heldBytes = 256 * 1024;
const skipBytes = 64 * 1024;

export function incoming(socket: Socket): Incoming {
  const chunks: Buffer[] = [];
  let held = 0;
  let ended: Error | 'ended' | undefined;
  let wake: (() => void) | undefined;
  const woken = (): void => {
    wake?.();
    wake = undefined;
  };
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    held += chunk.length;
    if (held > heldBytes) socket.pause();
    woken();
  });
  const end = (how: Error | 'ended'): void => {
    ended ??= how;
    woken();
  };
  socket.on('end', () => end('ended'));
  socket.on('error', end);
  socket.on('close', () => end('ended'));

  const fill = async (target: Buffer): Promise<boolean> => {
    for (let filled = 0; filled < target.length; ) {
      const chunk = chunks[0];
      if (chunk === undefined) {
        if (ended === 'ended' && filled === 0) return false;
        if (ended !== undefined) throw ended === 'ended' ? new Error('the client ended inside a message') : ended;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const copied = chunk.copy(target, filled);
      filled += copied;
      held -= copied;
      if (copied === chunk.length) chunks.shift();
      else chunks[0] = chunk.subarray(copied);
      if (held === 0 && socket.isPaused()) socket.resume();
    }
    return true;
  };
  return {
    fill,
    async skip(count) {
      const scratch = Buffer.allocUnsafe(Math.min(count, skipBytes));
      for (let left = count; left > 0; left -= scratch.length) {
        if (!(await fill(scratch.subarray(0, Math.min(left, scratch.length))))) return;
      }
    },
  };
}
