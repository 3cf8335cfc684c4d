/**
 * A disk file has two names in its life. While it is made it is `NAME.<target copy id>.partial`, which carries the whole
 * mark: whose it is needs no other record. *Publishing* gives it its final name as a second hard link, which never
 * overwrites anything and is atomic. The partial name stays beside it until the migration is final: as long as both are
 * the same file, the final name is provably ours and may be taken back. *Settling* drops the partial name, and with it
 * our right to remove the file.
 */
import { link, lstat, open, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Room for the mark and a suffix within the 255 bytes that file systems allow. */
const maxBaseBytes = 190;

/**
 * A name as people know it, as the base of file names: no separators, no control characters, no leading dot or dash
 * (which tools take for hidden files and options), and not too long.
 */
export function fileBase(name: string): string {
  const safe = name
    .toWellFormed()
    .replace(/[\p{Cc}/\\]/gu, '_')
    .replace(/^[.-]/, '_');
  let base = safe === '' ? '_' : safe;
  while (Buffer.byteLength(base) > maxBaseBytes) base = base.replace(/.$/su, '');
  return base;
}

export function partialName(finalName: string, targetCopyId: string): string {
  return `${finalName}.${targetCopyId}.partial`;
}

/**
 * Gives the partial file its final name too; doing it again is fine.
 * @returns `taken` when another file has the final name.
 * @throws the system's error, ENOENT when neither exists.
 */
export async function publish(partial: string, final: string): Promise<'published' | 'taken'> {
  try {
    await link(partial, final);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    if (!(await sameFile(partial, final))) return 'taken';
  }
  await syncDirectory(dirname(final));
  return 'published';
}

/** Takes both names away, the final one only while it is the same file. Nothing there is success. */
export async function withdraw(partial: string, final: string): Promise<void> {
  if (await sameFile(partial, final)) await unlinkIfThere(final);
  // The final name first: in the other order a crash in between would leave a file that nothing proves to be ours.
  await syncDirectory(dirname(final)).catch(ignoreMissing);
  await unlinkIfThere(partial);
}

/** Takes the final name away while it is the same file; the partial one stays. Nothing there is success. */
export async function conceal(partial: string, final: string): Promise<void> {
  if (!(await sameFile(partial, final))) return;
  await unlinkIfThere(final);
  await syncDirectory(dirname(final));
}

/** What tells this file from another one under its name: its inode, and when that was made. Not the device: its number may change with a boot. */
export async function fileIdentity(path: string): Promise<string> {
  const { ino, birthtimeNs } = await stat(path, { bigint: true });
  return `${ino}:${birthtimeNs}`;
}

/** Drops the partial name once the final one stands. Leaves a partial file alone that was never published. */
export async function settle(partial: string, final: string): Promise<void> {
  if (!(await sameFile(partial, final))) return;
  await unlinkIfThere(partial);
  await syncDirectory(dirname(final));
}

/** Whether two paths are names of one file. */
export async function sameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([lstat(a).catch(ignoreMissing), lstat(b).catch(ignoreMissing)]);
  return first !== undefined && second !== undefined && first.dev === second.dev && first.ino === second.ino;
}

export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}

export async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch(ignoreMissing);
}

/** True when a link was refused because the file system has none. */
export function isNoHardLinks(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error) ?? '');
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) === 'ENOENT') return undefined;
  throw error;
}
