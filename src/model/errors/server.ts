import type { ErrorEntry } from '../errors.ts';

/** The API, sign-in, the database: what is not about one VM. */
export const serverErrors = {
  internal: {
    status: 500,
    message: 'Something in Wherry itself went wrong',
    next: 'Look at the server log for this request or step, and report it with the log: it is a defect.',
  },
  'request.invalid': {
    status: 400,
    message: 'The request is not valid: {problem}',
    next: 'Correct the named field; /api/docs describes each request.',
  },
  'request.not_found': {
    status: 404,
    message: 'There is no {kind} {id}',
    next: 'List what there is and use an id from there.',
  },
  'auth.required': { status: 401, message: 'Nobody is signed in', next: 'Sign in, or send an API token.' },
  'auth.failed': {
    status: 401,
    message: 'User name or password is wrong',
    next: 'Try again; after five failures sign-in waits longer each time.',
  },
  'auth.forbidden': {
    status: 403,
    message: 'This account may not do that: it needs the role {role}',
    next: 'Ask an administrator.',
  },
} as const satisfies Record<string, ErrorEntry>;
