import type { ErrorEntry } from '../errors.ts';

/** The command line itself. */
export const cliErrors = {
  'client.usage': {
    status: 400,
    message: 'The command line is not right: {problem}',
    next: 'wherry import --help shows what can be said.',
  },
  'client.embedded': {
    status: 500,
    message: 'The server that this command started did not come up',
    next: 'Look at {log}. If another server keeps its data elsewhere, name that with --home or WHERRY_HOME.',
  },
} as const satisfies Record<string, ErrorEntry>;
