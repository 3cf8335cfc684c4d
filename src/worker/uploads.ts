/**
 * Files that come into a store: bytes that the server hands on, written as they come. They are not looked into here, so this
 * needs no child process; whoever reads the store does that.
 *
 * Nothing shows under its name before it is whole: until then it is `.NAME.ID.partial`, which no look at a store takes for
 * something (ova/store/walk.ts). A part is flushed before it is told as done.
 *
 * Others may write into a store: its folder is opened once, as no link, and everything is done by that open folder, so that
 * one who replaces it by a link meanwhile does not lead us elsewhere.
 */
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, realpath, rmdir, statfs, unlink } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { UploadAnswer, UploadBegin, UploadEnd, UploadPart, UploadPlace } from '../inventory/upload-protocol.ts';
import { WherryError } from '../model/errors.ts';
import { roomOf } from '../model/room.ts';
import { takeTurn } from './upload-turns.ts';

export type FetchPart = (partId: string, signal: AbortSignal) => AsyncIterable<Uint8Array>;

/** Left free whatever comes: a full file system hurts others too. */
const spareBytes = 64 * 2 ** 20;

/** Whether a call is one of these. */
export function isUpload(method: string): boolean {
  return /^(begin|finish|cancel)Upload$|^uploadPart$/.test(method);
}

/** @throws upload.*; a call that is sent again is answered again */
export async function answerUpload(
  method: string,
  params: unknown,
  fetchPart: FetchPart,
  signal: AbortSignal,
): Promise<UploadAnswer> {
  const place = params as UploadPlace;
  try {
    switch (method) {
      case 'beginUpload':
        return await begin(params as UploadBegin);
      case 'uploadPart':
        return await writePart(params as UploadPart, fetchPart, signal);
      case 'finishUpload':
        return await finish(params as UploadEnd);
      case 'cancelUpload':
        return await cancel(place);
      default:
        throw new Error(`no call of uploads: ${method}`);
    }
  } catch (error) {
    throw worded(error, place);
  }
}

type Files = AsyncDisposable & {
  /** Null when the file lies in the store's own directory. */
  readonly inFolder: string | null;
  /** The directory that it lies in, the file, and the file until it is whole: by the open folder. */
  readonly folder: string;
  readonly file: string;
  readonly partial: string;
};

/** The name was checked by the server; that its folder is really one of the store's is checked where it lies. */
async function filesOf({ uploadId, location, name }: UploadPlace): Promise<Files> {
  const root = await openDirectory(await realpath(location));
  const parent = dirname(name);
  let folder = root;
  if (parent !== '.') {
    try {
      if (parent.includes('/') || parent.startsWith('.')) throw new Error(`${name} leads out of ${location}`);
      const path = join(byHandle(root), parent);
      await mkdir(path, { mode: 0o755 }).catch(ignore('EEXIST'));
      folder = await openDirectory(path);
    } catch (error) {
      await root.close();
      throw error;
    }
  }
  const at = byHandle(folder);
  return {
    inFolder: folder === root ? null : join(byHandle(root), parent),
    folder: at,
    file: join(at, basename(name)),
    partial: join(at, `.${basename(name)}.${uploadId}.partial`),
    [Symbol.asyncDispose]: async () => {
      await folder.close();
      if (folder !== root) await root.close();
    },
  };
}

/** @throws ENOTDIR also where it is a link to one */
function openDirectory(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

function byHandle({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

async function begin(params: UploadBegin): Promise<UploadAnswer> {
  const { location, name, sizeBytes, promisedBytes } = params;
  const host = hostname();
  await using files = await filesOf(params);
  if ((await lstat(files.file).catch(ignore('ENOENT'))) !== undefined) {
    throw new WherryError('upload.exists', { name, location, host });
  }
  const { freeBytes } = roomOf(await statfs(files.folder));
  const free = Math.max(0, freeBytes - promisedBytes - spareBytes);
  if (sizeBytes > free) throw new WherryError('upload.no_space', { name, location, host, needed: sizeBytes, free });
  const file = await open(files.partial, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
  await file.close();
  return { doneBytes: 0 };
}

async function writePart(params: UploadPart, fetchPart: FetchPart, signal: AbortSignal): Promise<UploadAnswer> {
  const { uploadId, name, partId, offset, lengthBytes } = params;
  using turn = takeTurn(uploadId, { name, offset });
  await using files = await filesOf(params);
  const { partial } = files;
  const file = await open(partial, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    let done = 0;
    for await (const chunk of fetchPart(partId, signal)) {
      if (done + chunk.length > lengthBytes) break;
      await writeAll(file, chunk, offset + done);
      done += chunk.length;
    }
    if (done !== lengthBytes) throw new WherryError('upload.short', { name, found: done, expected: lengthBytes });
    await file.datasync();
    turn.reached(offset + lengthBytes);
  } finally {
    await file.close();
  }
  return { doneBytes: offset + lengthBytes };
}

async function writeAll(file: FileHandle, data: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    done += (await file.write(data, done, data.length - done, at + done)).bytesWritten;
  }
}

/** By a link, which replaces nothing: whoever made a file of that name meanwhile keeps it. */
async function finish(params: UploadEnd): Promise<UploadAnswer> {
  const { location, name, sizeBytes } = params;
  await using files = await filesOf(params);
  const { file, folder, partial } = files;
  const stats = await lstat(partial).catch(ignore('ENOENT'));
  if (stats === undefined) {
    // Sent again after the answer was lost: it has its name already.
    const whole = await lstat(file).catch(ignore('ENOENT'));
    if (whole?.isFile() === true && whole.size === sizeBytes) return { doneBytes: sizeBytes };
    throw new WherryError('upload.lost', { name, location, host: hostname() });
  }
  if (stats.size !== sizeBytes) {
    throw new WherryError('upload.incomplete', { name, found: stats.size, expected: sizeBytes });
  }
  await link(partial, file).catch(async (error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
    const there = await lstat(file);
    if (there.ino !== stats.ino) throw new WherryError('upload.exists', { name, location, host: hostname() });
  });
  await unlink(partial);
  await synced(folder);
  return { doneBytes: sizeBytes };
}

async function cancel(params: UploadPlace): Promise<UploadAnswer> {
  await using files = await filesOf(params);
  const { inFolder, partial } = files;
  await unlink(partial).catch(ignore('ENOENT'));
  // The folder goes too when nothing else came into it.
  if (inFolder !== null) await rmdir(inFolder).catch(ignore('ENOTEMPTY', 'ENOENT', 'EEXIST'));
  return { doneBytes: 0 };
}

async function synced(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync().catch(ignore('EINVAL', 'EPERM')); // some network file systems know no such thing
  await handle.close();
}

function worded(error: unknown, { location, name }: UploadPlace): unknown {
  const host = hostname();
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new WherryError('upload.no_permission', { name, location, host, user: userInfo().username }, error);
    case 'ENOSPC':
    case 'EDQUOT':
      return new WherryError('upload.no_space', { name, location, host, needed: 0, free: 0 }, error);
    case 'ENOENT':
      return new WherryError('upload.lost', { name, location, host }, error);
    default:
      return error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && !(error instanceof WherryError) ? String(error.code) : '';
}

function ignore(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (codes.includes(codeOf(error))) return undefined;
    throw error;
  };
}
