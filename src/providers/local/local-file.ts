import { type BigIntStats, constants } from 'node:fs';
import { access, type FileHandle, lstat, open, stat } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { WherryError } from '../../model/errors.ts';
import { isAway, systemCode } from '../../model/system-errors.ts';

/** A regular file, open for reading, with what tells it from every other file and from its own past. */
export type LocalFile = AsyncDisposable & {
  readonly path: string;
  readonly sizeBytes: number;
  /** Equal as long as the file is the same one and was not written to. */
  readonly identity: string;
  /** Exactly `length` bytes. @throws source.changed when the file ends before, source.read_failed. */
  read(offset: number, length: number): Promise<Buffer>;
};

/** @throws source.not_found, source.unreadable (who lacks what on which part of the path), source.not_a_file */
export async function openLocalFile(path: string): Promise<LocalFile> {
  let handle: FileHandle;
  try {
    // Not blocking: opening a FIFO that nobody writes to would never return.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw await explainUnreachable(path, error);
  }
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) throw notAFile(path, stats);
    return {
      path,
      sizeBytes: Number(stats.size),
      identity: identityOf(stats),
      read: (offset, length) => readExactly(handle, path, offset, length),
      // Nothing was written: storage that is away refuses even this, and that is not news.
      [Symbol.asyncDispose]: () => handle.close().catch(unlessAway),
    };
  } catch (error) {
    await handle.close().catch(unlessAway);
    throw isAway(error) ? await explainUnreachable(path, error) : error;
  }
}

/** The identity of a file that need not be opened. @throws as `openLocalFile` */
export async function identityOfFile(path: string): Promise<string> {
  try {
    const stats = await stat(path, { bigint: true });
    return identityOf(stats);
  } catch (error) {
    throw await explainUnreachable(path, error);
  }
}

/**
 * The time of the last change too (ctime): tools that copy set the other one back, nobody can set this one. Not the device:
 * NFS, btrfs and FUSE get another number with each mount, and a worker's machine that was started anew goes on.
 */
function identityOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/**
 * Finds the first part of a path that stands in the way: a missing component, a directory that may not be entered, or the
 * file itself. What the kernel says ("EACCES") names the whole path and helps nobody.
 */
export async function explainUnreachable(path: string, cause: unknown): Promise<WherryError> {
  const full = resolve(path);
  const parts = full.split('/').filter((part) => part !== '');
  const host = hostname();
  const user = currentUser();
  let component = '/';
  for (const part of parts) {
    if (!(await allowed(component, constants.X_OK))) {
      return new WherryError('source.unreadable', { path, user, host, permission: 'search (x)', component }, cause);
    }
    component = join(component, part);
    const found = await exists(component);
    if (found === 'no') return new WherryError('source.not_found', { path, missing: component, host }, cause);
    if (found === 'unknown') break;
  }
  // Storage that does not answer has not said that the file is not there.
  if (isAway(cause)) return new WherryError('source.read_failed', { path, host }, cause);
  if (!(await allowed(full, constants.R_OK))) {
    return new WherryError('source.unreadable', { path, user, host, permission: 'read (r)', component }, cause);
  }
  const text = cause instanceof Error ? cause.message : '';
  // A dangling link, a link into a closed directory: the link exists, what it points to cannot be reached.
  if (text.includes('ENOENT')) return new WherryError('source.not_found', { path, missing: full, host }, cause);
  return new WherryError('source.read_failed', { path }, cause);
}

export function notAFile(path: string, stats: FileKind): WherryError {
  return new WherryError('source.not_a_file', { path, kind: kindOf(stats) });
}

type FileKind = Pick<
  Awaited<ReturnType<typeof lstat>>,
  'isDirectory' | 'isBlockDevice' | 'isCharacterDevice' | 'isFIFO' | 'isSocket' | 'isSymbolicLink'
>;

export function kindOf(stats: FileKind): string {
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symbolic link';
  if (stats.isBlockDevice()) return 'block device';
  if (stats.isCharacterDevice()) return 'character device';
  if (stats.isFIFO()) return 'named pipe';
  return stats.isSocket() ? 'socket' : 'special file';
}

async function readExactly(handle: FileHandle, path: string, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    let bytesRead: number;
    try {
      ({ bytesRead } = await handle.read(buffer, done, length - done, offset + done));
    } catch (error) {
      throw new WherryError('source.read_failed', { path }, error);
    }
    if (bytesRead === 0) throw new WherryError('source.changed', { path });
    done += bytesRead;
  }
  return buffer;
}

async function allowed(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM'));
  }
}

async function exists(path: string): Promise<'yes' | 'no' | 'unknown'> {
  try {
    await lstat(path);
    return 'yes';
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes(systemCode(error)) ? 'no' : 'unknown';
  }
}

function currentUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`; // no entry in the user database
  }
}

function unlessAway(error: unknown): void {
  if (!isAway(error)) throw error;
}
