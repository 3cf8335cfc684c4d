import type { ErrorEntry } from '../errors.ts';

/** The command line itself. */
export const cliErrors = {
  'client.usage': {
    status: 400,
    message: 'The command line is not right: {problem}',
    next: 'The command’s --help shows what can be said.',
  },
  'client.no_disks': {
    status: 409,
    message: 'VM {vm} has no disk that could be verified as a file: it is not migrated, was undone, or is elsewhere',
    next: 'Wait for its end. Disks that are no files are checked with wherry manifest ID and wherry verify MANIFEST.',
  },
  'client.embedded': {
    status: 500,
    message: 'The server that this command started did not come up',
    next: 'Look at {log}. If another server keeps its data elsewhere, name that with --home or WHERRY_HOME.',
  },
  'client.home': {
    status: 500,
    message: 'The directory {home}, where a server of this machine would keep its data, cannot be used',
    next: 'Give this user the right to write there, name another with --home or WHERRY_HOME, or a server elsewhere with --server.',
  },
  'client.stopping': {
    status: 503,
    message: 'The server on {home} (process {pid}) is stopping, and has not ended within {seconds} s',
    next: 'Try again in a moment. If it never ends, end that process: what it did is gone on with.',
    passing: true,
  },
} as const satisfies Record<string, ErrorEntry>;
