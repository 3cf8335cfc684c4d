import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { newId } from '../model/ids.ts';

/** The worker's id, made once and kept in its home: the server knows it again after a restart. */
export async function identityOf(home: string): Promise<string> {
  const file = `${home}/worker-id`;
  await mkdir(home, { recursive: true, mode: 0o700 });
  try {
    const id = (await readFile(file, 'utf8')).trim();
    if (/^[0-9a-f-]{36}$/.test(id)) return id;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const id = newId();
  await writeFile(`${file}.new`, `${id}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return id;
}
