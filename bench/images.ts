/** What the benches copy. */
import { randomFillSync } from 'node:crypto';
import { open } from 'node:fs/promises';
import { runChild } from '../src/process/child.ts';

const MiB = 1024 * 1024;
const stripeMiB = 64;
const stepMiB = 8;

/**
 * A raw image: data and holes in alternating stripes of 64 MiB until the data is used up.
 * @param text like the files of a guest: half of it compresses to nearly nothing. Else random.
 */
export async function makeRaw(path: string, sizeMiB: number, dataMiB: number, text = false): Promise<void> {
  await using file = await open(path, 'w');
  await file.truncate(sizeMiB * MiB);
  const block = Buffer.alloc(stepMiB * MiB);
  const dense = dataMiB * 2 > sizeMiB;
  for (let written = 0, at = 0; written < dataMiB && at < sizeMiB; at += stepMiB) {
    if (!dense && Math.floor(at / stripeMiB) % 2 === 1) continue;
    randomFillSync(block);
    // Every second 32 KiB repeats a kilobyte: zlib halves it, as it does with installed systems.
    if (text) {
      for (let half = 0; half < block.length; half += 64 * 1024) {
        block.fill(block.subarray(half, half + 1024), half, half + 32 * 1024);
      }
    }
    await file.write(block, 0, block.length, at * MiB);
    written += stepMiB;
  }
  await file.sync();
}

/** For `prepare`: a source is in the page cache for every contestant alike, also where the kernel takes idle pages back early. */
export function inCache(path: string): () => Promise<void> {
  return async () => {
    await runChild('dd', [`if=${path}`, 'of=/dev/null', 'bs=4M', 'status=none']);
  };
}

export async function makeVmdk(raw: string, path: string): Promise<void> {
  const options = ['-f', 'raw', '-O', 'vmdk', '-o', 'subformat=streamOptimized', raw, path];
  await runChild('qemu-img', ['convert', ...options], { timeoutMs: 600_000 });
}
