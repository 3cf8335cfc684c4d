/** A log file that cannot fill the disk: its beginning and its end are kept, what lies between is counted. */
import { open } from 'node:fs/promises';

export type BoundedLog = {
  write(line: string): void;
  /** The last lines, newest last. */
  tail(): readonly string[];
  close(): Promise<void>;
};

const tailLines = 2000;
const maxLineLength = 4096;

/** Replaces the file. At most about `maxBytes` for the beginning plus the last 2000 lines. */
export async function openBoundedLog(path: string, maxBytes: number): Promise<BoundedLog> {
  const file = await open(path, 'w', 0o600);
  const stream = file.createWriteStream();
  // A full disk must not end the conversion: its log is worth less than itself.
  stream.on('error', () => undefined);
  const last: string[] = [];
  let written = 0;
  let leftOut = 0;
  return {
    write(line) {
      const text = line.length > maxLineLength ? `${line.slice(0, maxLineLength)}…` : line;
      last.push(text);
      if (last.length > tailLines) last.shift();
      if (leftOut === 0 && written + text.length < maxBytes) {
        written += text.length + 1;
        stream.write(`${text}\n`);
      } else leftOut++;
    },
    tail: () => last,
    async close() {
      if (leftOut > 0) {
        const kept = last.slice(-leftOut);
        stream.write(`[${leftOut - kept.length} lines left out]\n${kept.join('\n')}\n`);
      }
      await new Promise<void>((resolve) => {
        stream.on('close', resolve);
        stream.end();
      });
    },
  };
}
