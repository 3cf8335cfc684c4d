/** A private directory for one run of a tool, whose path is short enough for unix sockets below it (107 characters). */
import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import path from 'node:path';

/**
 * Run as root, libguestfs puts its sockets into /tmp whatever it is told, and leaves them there when it is killed. The
 * place is named in QEMU's command line, which the log shows before anything of the guest runs.
 */
export function socketDirectory(logLine: string): string | null {
  return /\bpath=(\/tmp\/libguestfs[A-Za-z0-9]{6})\/guestfsd\.sock\b/.exec(logLine)?.[1] ?? null;
}

/** Removes such a place if it is still there and our user's own. */
export async function removeSocketDirectory(directory: string | null): Promise<void> {
  if (directory === null) return;
  const found = await lstat(directory).catch(() => undefined);
  if (found?.isDirectory() === true && found.uid === process.getuid?.()) await rm(directory, { recursive: true });
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
  await rm(shortcutOf(directory), { recursive: true, force: true });
  await rm(socketLinkOf(directory), { force: true });
}

/** Room for the names of our own sockets below a directory ("/s12"): a path may have 107 bytes. */
const longestOfSockets = 102;

/** The symbolic link by which our own sockets in a directory that is too deep are reached, by us and by QEMU. */
export function socketLinkOf(directory: string): string {
  return `${shortcutOf(directory)}-nbd`;
}

/** The directory, or the link to it, which is made anew, where sockets below it would have too long a path. */
export async function makeSocketLink(directory: string): Promise<string> {
  if (Buffer.byteLength(directory) <= longestOfSockets) return directory;
  const link = socketLinkOf(directory);
  await rm(link, { force: true });
  // Fails when somebody else has put something there: nothing of theirs is followed or used.
  await symlink(directory, link);
  return link;
}

/** Makes it below `parent` (0700). When that is too deep, a symbolic link at `shortcutOf(parent)` leads there. */
export async function makeScratch(parent: string): Promise<Scratch> {
  const directory = await mkdtemp(path.join(parent, 'v2v-'));
  if (directory.length <= longest) {
    const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
    return { directory, short: directory, sockets: directory, remove };
  }
  const holder = shortcutOf(parent);
  await rm(holder, { recursive: true, force: true });
  // Fails when somebody else has put something there: nothing of theirs is followed or used.
  await mkdir(holder, { mode: 0o700 });
  const short = path.join(holder, 's');
  await symlink(directory, short);
  const remove = async (): Promise<void> => {
    await rm(holder, { recursive: true, force: true });
    await rm(directory, { recursive: true, force: true });
  };
  return { directory, short, sockets: holder, remove };
}
