import type { ErrorEntry } from '../errors.ts';

/** What happens to a worker and its children. */
export const workerErrors = {
  'worker.child_died': {
    status: 500,
    message: '[VM {vm}: ]the process that ran the step[ on host {host}] {how}',
    next: 'The step goes on from its last checkpoint by itself. If this repeats, the cause shows what it said last; look at the worker’s log and at the memory of the host.',
    passing: true,
  },
  'worker.already_running': {
    status: 409,
    message: 'Another worker (process {pid}) works in {home}',
    next: 'One worker per directory: leave it running, stop it, or give this one another --home.',
  },
  'worker.directory_unwritable': {
    status: 500,
    message: 'The worker[ on host {host}] cannot write its directory {path}',
    next: 'Give the user that runs the worker write permission there, or make room on that file system.',
    elsewhere: true,
  },
} as const satisfies Record<string, ErrorEntry>;
