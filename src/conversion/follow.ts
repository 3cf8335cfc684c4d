/** Lines of a file that another process is writing. */
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `onLine` for every whole line, soon after it was written, until `ended` settles; then for what is left. A file
 * that is not there yet is waited for; one that never comes has no lines.
 */
export async function followLines(
  path: string,
  ended: Promise<unknown>,
  onLine: (line: string) => void,
): Promise<void> {
  let over = false;
  const end = ended.then(
    () => (over = true),
    () => (over = true),
  );
  let rest = Buffer.alloc(0);
  let position = 0;
  for (;;) {
    const last = over;
    const file = await open(path, 'r').catch(() => undefined);
    try {
      for (;;) {
        const chunk = Buffer.alloc(64 * 1024);
        const { bytesRead } = (await file?.read(chunk, 0, chunk.length, position)) ?? { bytesRead: 0 };
        if (bytesRead === 0) break;
        position += bytesRead;
        rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
        for (let at = rest.indexOf(10); at !== -1; at = rest.indexOf(10)) {
          onLine(rest.toString('utf8', 0, at));
          rest = rest.subarray(at + 1);
        }
      }
    } finally {
      await file?.close();
    }
    if (last) break;
    await Promise.race([sleep(200), end]);
  }
  if (rest.length > 0) onLine(rest.toString('utf8'));
}
