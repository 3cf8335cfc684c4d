/**
 * Private directories of target copies whose migrations ended without us: another worker took over, and cleaned up what it had. The
 * server says which are still wanted.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The target copies that have a directory below `root`. */
export async function directoriesIn(root: string): Promise<string[]> {
  return (await readdir(root)).filter((name) => /^[0-9a-f-]{36}$/.test(name));
}

/** Directories of calls: when a worker starts they are an earlier process's. */
export async function sweepCalls(root: string): Promise<void> {
  for (const name of await readdir(root)) if (name.startsWith('call-')) await remove(join(root, name));
}

/** Removes what nobody wants any more. `traces` is called for each first: what lies elsewhere for its sake. */
export async function sweep(
  root: string,
  unwanted: readonly string[],
  traces: (directory: string) => Promise<void>,
): Promise<void> {
  for (const id of unwanted) {
    await traces(join(root, id));
    await remove(join(root, id));
  }
}

async function remove(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
