import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

const leafBytes = 4 * 1024 * 1024;
const leavesPerChunk = 16;

/**
 * The chunk digests of a raw image by DESIGN.md 4, computed here with nothing of Wherry's own code: SHA-256 over the
 * SHA-256s of 4 MiB leaves, sixteen to a chunk. `flipBitAt`: as if a bit of that byte were flipped, for controls.
 */
export async function chunkDigestsOf(path: string, control: { flipBitAt?: number } = {}): Promise<string[]> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const digests: string[] = [];
    let chunk = createHash('sha256');
    let leaves = 0;
    for (let offset = 0; offset < size; offset += leafBytes) {
      const leaf = Buffer.alloc(Math.min(leafBytes, size - offset));
      await file.read(leaf, 0, leaf.length, offset);
      const flip = (control.flipBitAt ?? -1) - offset;
      if (flip >= 0 && flip < leaf.length) leaf[flip] = (leaf[flip] ?? 0) ^ 1;
      chunk.update(createHash('sha256').update(leaf).digest());
      if (++leaves % leavesPerChunk === 0) {
        digests.push(chunk.digest('hex'));
        chunk = createHash('sha256');
      }
    }
    if (leaves % leavesPerChunk !== 0) digests.push(chunk.digest('hex'));
    return digests;
  } finally {
    await file.close();
  }
}
