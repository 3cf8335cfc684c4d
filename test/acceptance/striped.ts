import { randomFillSync } from 'node:crypto';
import { open } from 'node:fs/promises';

const stepBytes = 4 * 2 ** 20;

/** A sparse raw image with random bytes in `stripes` (offset and length), holes elsewhere. */
export async function makeStriped(
  path: string,
  sizeBytes: number,
  stripes: readonly (readonly [number, number])[],
): Promise<void> {
  await using file = await open(path, 'w');
  await file.truncate(sizeBytes);
  const block = Buffer.alloc(stepBytes);
  for (const [offset, length] of stripes) {
    if (offset + length > sizeBytes) throw new Error(`a stripe ends at ${offset + length}, the disk at ${sizeBytes}`);
    for (let done = 0; done < length; done += stepBytes) {
      randomFillSync(block);
      await file.write(block, 0, Math.min(stepBytes, length - done), offset + done);
    }
  }
  await file.sync();
}
