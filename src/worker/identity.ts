import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { newId } from '../model/ids.ts';

/** The worker's id, made once and kept in its home: the server knows it again after a restart. */
export async function identityOf(home: string): Promise<string> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const known = await readIdentity(home);
  if (known !== null) return known;
  const id = newId();
  const file = fileIn(home);
  await writeFile(`${file}.new`, `${id}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return id;
}

/** The id of the home's worker; null before there was one. */
export async function readIdentity(home: string): Promise<string | null> {
  try {
    const id = (await readFile(fileIn(home), 'utf8')).trim();
    return /^[0-9a-f-]{36}$/.test(id) ? id : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return null;
  }
}

function fileIn(home: string): string {
  return `${home}/worker-id`;
}
