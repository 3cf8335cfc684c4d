import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild } from '../../src/process/child.ts';

/** The file that the data disk's file system holds. */
export async function fileIn(image: string, scratch: string): Promise<Buffer> {
  const path = join(scratch, 'random');
  await runChild('debugfs', ['-R', `dump /random ${path}`, image]);
  return readFile(path);
}
