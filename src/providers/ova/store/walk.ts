/** The files of a store: bounded in depth and number, no links followed, nothing hidden (uploads under way are). */
import { opendir, lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { WherryError } from '../../../model/errors.ts';
import { isAway } from '../../../model/system-errors.ts';
import { explainUnreachable } from '../../local/local-file.ts';

export type StoreFile = {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Changes when it is written to or replaced. */
  readonly stamp: string;
};
export type StoreDirectory = {
  readonly path: string;
  /** Names from the root down, without the root's. */
  readonly names: readonly string[];
  readonly files: readonly StoreFile[];
};
/** A directory that could not be read, with what was wrong. */
export type ClosedDirectory = { readonly path: string; readonly error: unknown };

export const limits = { depth: 4, entries: 20_000 };

/** @throws what keeps the root from being read; provider.too_many_files when there is more than a store may hold */
export async function walk(
  root: string,
  signal: AbortSignal,
): Promise<{ directories: StoreDirectory[]; closed: ClosedDirectory[] }> {
  const directories: StoreDirectory[] = [];
  const closed: ClosedDirectory[] = [];
  let entries = 0;
  const count = (): void => {
    entries += 1;
    if (entries <= limits.entries) return;
    throw new WherryError('provider.too_many_files', { system: root, limit: limits.entries });
  };
  const visit = async (path: string, names: readonly string[]): Promise<void> => {
    signal.throwIfAborted();
    const files: StoreFile[] = [];
    const below: string[] = [];
    for await (const { name } of await opendir(path)) {
      count();
      if (name.startsWith('.') || /\.(partial|part|tmp|crdownload)$/i.test(name)) continue;
      const at = join(path, name);
      const stats = await lstat(at, { bigint: true }).catch((error: unknown) => {
        if (isAway(error)) closed.push({ path: at, error });
        return null; // gone meanwhile
      });
      if (stats?.isDirectory() === true) below.push(name);
      if (stats?.isFile() !== true) continue;
      const { dev, ino, size, mtimeNs, mtimeMs } = stats;
      const stamp = `${dev}:${ino}:${size}:${mtimeNs}`;
      files.push({ name, path: at, sizeBytes: Number(size), modifiedMs: Number(mtimeMs), stamp });
    }
    files.sort((a, b) => (a.name < b.name ? -1 : 1));
    directories.push({ path, names, files });
    if (names.length >= limits.depth) return;
    for (const name of below.sort()) {
      const at = join(path, name);
      await visit(at, [...names, name]).catch((error: unknown) => {
        signal.throwIfAborted();
        if (error instanceof WherryError) throw error;
        closed.push({ path: at, error });
      });
    }
  };
  try {
    await visit(root, []);
    // Something in it does not answer: when that is all of it, nothing is known of what it holds.
    if (closed.some(({ error }) => isAway(error))) await (await opendir(root)).close();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof WherryError) throw error;
    throw await explainUnreachable(root, error);
  }
  for (const [index, { path, error }] of closed.entries()) {
    closed[index] = { path, error: await explainUnreachable(path, error) };
  }
  return { directories, closed };
}
