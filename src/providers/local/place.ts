/**
 * Whether a directory is the one that files were made in. A mount that is away leaves its mount point, which is a directory
 * too, and an empty one: that a file is not there proves nothing then.
 */
import { lstat } from 'node:fs/promises';
import { WherryError } from '../../model/errors.ts';
import { isAway } from '../../model/system-errors.ts';
import { codeOf, fileIdentity } from './partial.ts';

/** What tells it from another directory at the same path. @throws the system's error */
export async function directoryIdentity(path: string): Promise<string> {
  return fileIdentity(`${path}/`);
}

/** @throws the system's error when that cannot be known */
export async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/**
 * For a file that was not found: proves that it was looked for in the right place. `recorded` is what `directoryIdentity` said
 * when the file was made; absent in rows of an older version, whose directory only has to be there.
 * @throws files.directory_gone, files.directory_other, files.away, all of them passing
 */
export async function provePlace(path: string, recorded: string | undefined): Promise<void> {
  const found = await directoryIdentity(path).catch((error: unknown) => {
    if (isMissing(error)) throw new WherryError('files.directory_gone', { path }, error);
    if (isAway(error)) throw new WherryError('files.away', { path }, error);
    throw error;
  });
  if (recorded !== undefined && recorded !== found) throw new WherryError('files.directory_other', { path });
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '');
}
