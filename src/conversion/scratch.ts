/** A private directory for one run of a tool, whose path is short enough for unix sockets below it (107 characters). */
import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { WherryError } from '../model/errors.ts';

/**
 * Run as root, libguestfs puts its sockets into /tmp whatever it is told, and leaves them there when it is killed. The
 * place is named in QEMU's command line, which the log shows before anything of the guest runs.
 */
export function socketDirectory(logLine: string): string | null {
  return /\bpath=(\/tmp\/libguestfs[A-Za-z0-9]{6})\/guestfsd\.sock\b/.exec(logLine)?.[1] ?? null;
}

/** Removes such a place if it is still there and our user's own. */
export async function removeSocketDirectory(directory: string | null): Promise<void> {
  if (directory !== null) await removeOwn(directory);
}

/**
 * Removes what is there if it is our user's own. /tmp is everybody's: who goes through a directory of somebody else by its
 * names can be led away by links that are put there meanwhile, and root would then remove whatever they lead to. Nobody but
 * its owner can put anything else in the place of what is ours.
 */
export async function removeOwn(place: string): Promise<void> {
  const found = await lstat(place).catch(() => undefined);
  if (found !== undefined && found.uid === process.getuid?.()) await rm(place, { recursive: true, force: true });
}

/** libguestfs and virt-v2v add about 35 characters for their sockets. */
const longest = 65;

export type Scratch = {
  /** Where it really is: below the directory that was asked for. */
  readonly directory: string;
  /** The same by a path that is short enough. */
  readonly short: string;
  /** For unix sockets of tools that follow symbolic links first: really here, and short enough. */
  readonly sockets: string;
  remove(): Promise<void>;
};

/**
 * The short way to a directory: for a given one always the same, so that whoever finds it after a crash can remove it. Not
 * below TMPDIR, which may be as deep as the directory itself.
 */
export function shortcutOf(directory: string): string {
  return `/tmp/wherry-v2v-${createHash('sha256').update(directory).digest('hex').slice(0, 12)}`;
}

/** For a directory that is given up: its short ways go first. */
export async function removeShortcut(directory: string): Promise<void> {
  await removeOwn(shortcutOf(directory));
  const link = socketLinkOf(directory);
  if (link !== null) await removeOwn(link);
}

/** Room for the names of our own sockets below a directory ("/s12"): a path may have 107 bytes. */
const longestOfSockets = 102;

/**
 * The symbolic link by which our own sockets in a directory that is too deep are reached, by us and by QEMU; null where
 * sockets below it have short enough paths.
 */
export function socketLinkOf(directory: string): string | null {
  return Buffer.byteLength(directory) <= longestOfSockets ? null : `${shortcutOf(directory)}-nbd`;
}

/** Makes that link, anew. @throws conversion.way_taken */
export async function makeSocketLink(directory: string, link: string): Promise<void> {
  await removeOwn(link);
  await symlink(directory, link).catch(refuseTaken(link));
}

/** What somebody else has put there is neither followed nor used nor removed. */
function refuseTaken(place: string): (error: unknown) => never {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new WherryError('conversion.way_taken', { path: place, host: hostname() }, error);
  };
}

/**
 * Makes it below `parent` (0700). When that is too deep, a symbolic link at `shortcutOf(parent)` leads there.
 * @throws conversion.way_taken
 */
export async function makeScratch(parent: string): Promise<Scratch> {
  const directory = await mkdtemp(path.join(parent, 'v2v-'));
  if (directory.length <= longest) {
    const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
    return { directory, short: directory, sockets: directory, remove };
  }
  const holder = shortcutOf(parent);
  await removeOwn(holder);
  await mkdir(holder, { mode: 0o700 }).catch(refuseTaken(holder));
  const short = path.join(holder, 's');
  await symlink(directory, short);
  const remove = async (): Promise<void> => {
    await removeOwn(holder);
    await rm(directory, { recursive: true, force: true });
  };
  return { directory, short, sockets: holder, remove };
}
