/** What holds where nobody has said anything else, for server, worker and command line alike. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the server listens, on this machine only. */
export const defaultPort = 7117;

/** Where an installation keeps its data. */
export function defaultHome(environment: Environment = process.env): string {
  if (process.getuid?.() === 0) return '/var/lib/wherry';
  return join(environment['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'wherry');
}
