/** A private directory for one run of a tool, whose path is short enough for unix sockets below it (107 characters). */
import { lstat, mkdtemp, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
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
  remove(): Promise<void>;
};

/** Makes it below `parent` (0700). When that is too deep a symbolic link in the system's temporary directory leads there. */
export async function makeScratch(parent: string): Promise<Scratch> {
  const directory = await mkdtemp(path.join(parent, 'v2v-'));
  if (directory.length <= longest) {
    return { directory, short: directory, remove: () => rm(directory, { recursive: true, force: true }) };
  }
  const holder = await mkdtemp(path.join(os.tmpdir(), 'v2v-'));
  const short = path.join(holder, 's');
  await symlink(directory, short);
  const remove = async (): Promise<void> => {
    await rm(holder, { recursive: true, force: true });
    await rm(directory, { recursive: true, force: true });
  };
  return { directory, short, remove };
}
