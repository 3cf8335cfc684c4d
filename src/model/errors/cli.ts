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
} as const satisfies Record<string, ErrorEntry>;
