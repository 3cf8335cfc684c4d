import { readFileSync } from 'node:fs';

/** Wherry's own version, from package.json. */
export const version: string = readVersion();

function readVersion(): string {
  const read: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof read === 'object' && read !== null && 'version' in read ? String(read.version) : 'unknown';
}
