import type { ErrorEntry } from '../errors.ts';

/** What happens to a worker and its children. */
export const workerErrors = {
  'worker.child_died': {
    status: 500,
    message: 'The process that ran the step {how}',
    next: 'The step goes on from its last checkpoint by itself. If this repeats, look at the worker’s log and its memory.',
    passing: true,
  },
  'worker.directory_unwritable': {
    status: 500,
    message: 'The worker cannot write its directory {path}',
    next: 'Give the user that runs the worker write permission there, or make room on that file system.',
  },
} as const satisfies Record<string, ErrorEntry>;
