import { lstatSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A plain file in the same directory: an extent that a VMDK descriptor names. Null for anything else: paths, links (they
 * could lead to any file of the host), devices. Looked at when asked for, because few images have any.
 */
export function siblingFile(
  directory: string,
  name: string,
): { readonly path: string; readonly offset: number; readonly lengthBytes: number } | null {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) return null;
  const path = join(directory, name);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isFile() === true ? { path, offset: 0, lengthBytes: stats.size } : null;
}
