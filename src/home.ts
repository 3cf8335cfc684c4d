/**
 * The directory that holds everything of one installation (WHERRY_HOME), and where in it things are. Server, worker and
 * command line compute the same paths from the same directory.
 */
import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { chmod, mkdir, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Home = {
  readonly directory: string;
  /** The private PostgreSQL cluster. */
  readonly postgres: string;
  /** Unix sockets of the server: `server.sock` (0600). Elsewhere when the path would be too long for a socket. */
  readonly run: string;
  readonly serverSocket: string;
  /** Held by the one server that runs on this directory. */
  readonly lock: string;
  /** Shared by every command that needs a server here; one that was started for commands ends when none holds it. */
  readonly users: string;
  /** The one-time token of the first set-up, 0600, until it was used. */
  readonly setupToken: string;
  /** Rules of concerns that the user wrote; need not be there. */
  readonly rules: string;
  /** The keys that open the secrets in the database, 0600. Back it up with the database, and not beside it. */
  readonly secretsKey: string;
};

export function homeAt(directory: string): Home {
  const run = socketDirectory(join(directory, 'run'));
  return {
    directory,
    postgres: join(directory, 'postgres'),
    run,
    serverSocket: join(run, 'server.sock'),
    lock: join(directory, 'server.lock'),
    users: join(directory, 'users.lock'),
    setupToken: join(directory, 'setup-token'),
    rules: join(directory, 'rules.json'),
    secretsKey: join(directory, 'secrets.key'),
  };
}

/**
 * Makes the directory. As root it is 0711, not 0700, because PostgreSQL runs as another user and has to pass through;
 * whatever is secret inside has a mode of its own.
 */
export async function prepareHome(home: Home): Promise<void> {
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  await makeDirectory(home.directory, mode);
  await makeDirectory(home.run, 0o700);
  await chmod(home.run, 0o700); // it may have been there: its mode is what protects the sockets
}

async function makeDirectory(path: string, mode: number): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode });
  if (made !== undefined) await chmod(path, mode); // whatever the umask says
}

/** Takes away a short directory that `socketDirectory` gave instead of `wanted`, when it is empty. */
export async function removeSocketDirectory(wanted: string): Promise<void> {
  const directory = socketDirectory(wanted);
  if (directory !== wanted) await rmdir(directory).catch(() => undefined);
}

/** The longest path of a unix socket is 107 bytes; room is kept for the longest name that we put into a directory. */
const longestDirectory = 107 - '/.s.PGSQL.5432.lock'.length;

/**
 * `wanted`, or, when a socket in it would have too long a path, a short directory whose name depends on `wanted` alone,
 * so that server and clients agree. It has to be ours if it exists (`/tmp` is everybody's).
 */
export function socketDirectory(wanted: string): string {
  if (Buffer.byteLength(wanted) <= longestDirectory) return wanted;
  const uid = process.getuid?.() ?? 0;
  const name = `wherry-${uid}-${createHash('sha256').update(wanted).digest('hex').slice(0, 12)}`;
  const short = join(uid === 0 ? '/run' : tmpdir(), name);
  const found = lstatSync(short, { throwIfNoEntry: false });
  if (found !== undefined && uid !== 0 && (!found.isDirectory() || found.uid !== uid)) {
    throw new Error(`${short} belongs to somebody else; remove it, or choose a WHERRY_HOME with a shorter path`);
  }
  return short;
}
