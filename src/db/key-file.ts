/**
 * The keys of an installation, in a file of its home and never in the database: a line `KEYID BASE64URL` each, 0600. While
 * secrets are sealed anew it holds the old key and the new one; the installation's row says which of them counts.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WherryError } from '../model/errors.ts';
import { type Key, keyBytes } from './sealed.ts';

/** Much more than any number of keys needs. */
const maxBytes = 64 * 1024;

/** Empty when there is no such file. @throws secrets.key_file */
export async function readKeys(path: string): Promise<Key[]> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new WherryError('secrets.key_file', { path, why: 'it cannot be read' }, error);
  }
  try {
    const { mode, size, uid } = await file.stat();
    if ((mode & 0o077) !== 0)
      throw new WherryError('secrets.key_file', { path, why: 'others than its owner may use it' });
    if (uid !== process.getuid?.() && process.getuid?.() !== 0) {
      throw new WherryError('secrets.key_file', { path, why: 'it belongs to somebody else' });
    }
    if (size > maxBytes) throw new WherryError('secrets.key_file', { path, why: 'it is too long' });
    return parsed(await file.readFile('utf8'), path);
  } finally {
    await file.close();
  }
}

function parsed(text: string, path: string): Key[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [id = '', encoded = ''] = line.trim().split(' ');
      const bytes = Buffer.from(encoded, 'base64url');
      if (!/^[0-9a-f-]{36}$/.test(id) || bytes.length !== keyBytes) {
        throw new WherryError('secrets.key_file', { path, why: 'a line of it is no key' });
      }
      return { id, bytes };
    });
}

/** All or nothing, and on the disk when it returns: what is sealed next must be possible to open after a power cut. */
export async function writeKeys(path: string, keys: readonly Key[]): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  try {
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(keys.map(({ id, bytes }) => `${id} ${bytes.toString('base64url')}\n`).join(''));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    const directory = await open(dirname(path), 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new WherryError('secrets.key_file', { path, why: 'it cannot be written' }, error);
  }
}
