/** Where a worker keeps what is slow to find out or to make again and belongs to nobody: it may be deleted at any time. */
import { chmod, mkdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** `$XDG_CACHE_HOME/wherry/NAME`, by default `~/.cache/wherry/NAME`: created, and open to this user only (0700). */
export async function cacheDirectory(name: string): Promise<string> {
  const base = process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
  const directory = path.join(base, 'wherry', name);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  return directory;
}
