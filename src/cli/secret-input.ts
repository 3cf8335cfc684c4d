/** Secrets come from standard input, a file, or a question on the terminal: never from arguments, which everybody can read. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { WherryError } from '../model/errors.ts';

export type SecretFlags = {
  /** NAME=FILE; `-` is standard input. */
  readonly secret: readonly string[];
  readonly passwordStdin?: boolean;
};

/** @throws client.usage */
export function readSecrets({ secret, passwordStdin }: SecretFlags): Record<string, string> {
  const given = [...secret, ...(passwordStdin === true ? ['password=-'] : [])];
  if (given.filter((each) => each.endsWith('=-')).length > 1) {
    throw new WherryError('client.usage', { problem: 'standard input holds one secret; give the others as files' });
  }
  const secrets: Record<string, string> = {};
  for (const each of given) {
    const at = each.indexOf('=');
    if (at < 1)
      throw new WherryError('client.usage', { problem: '--secret is NAME=FILE, or NAME=- for standard input' });
    secrets[each.slice(0, at)] = readSecret(each.slice(at + 1));
  }
  return secrets;
}

/** `-` is an address on standard input: a signature in it is a secret, and everybody can read arguments. @throws client.usage */
export function namedFiles(files: readonly string[]): readonly string[] {
  if (!files.includes('-')) return files;
  if (files.length > 1) throw new WherryError('client.usage', { problem: '- is one address on standard input, alone' });
  const address = readSecret('-').trim();
  if (/^https?:\/\//i.test(address)) return [address];
  throw new WherryError('client.usage', { problem: 'standard input holds no http or https address' });
}

/** The end of line that editors and `echo` add is no part of a password; inside a key the lines stay. */
function readSecret(file: string): string {
  try {
    const text = readFileSync(file === '-' ? 0 : file, 'utf8');
    return text.includes('-----BEGIN') ? text : text.replace(/\r?\n$/, '');
  } catch (error) {
    throw new WherryError('client.usage', { problem: `${file} cannot be read` }, error);
  }
}

/** Null where there is nobody to ask. What is typed is not shown when `hidden`. */
export async function askUser(question: string, hidden = false): Promise<string | null> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return null;
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input: process.stdin,
    output: hidden ? silent : process.stderr,
    terminal: true,
  });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    if (hidden) process.stderr.write('\n');
  }
}
