/** A private directory for one run of a tool, whose path is short enough for unix sockets below it (107 characters). */
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

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
