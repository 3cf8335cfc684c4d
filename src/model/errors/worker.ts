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
  'worker.directory_not_allowed': {
    status: 403,
    message: '[VM {vm}: ]{path} is in no directory that operators may use on host {host}; allowed are: {allowed}',
    next: 'Use one of those, or let an administrator do it, add the directory as a store, or allow it: `wherry worker --directories /srv/imports,/srv/exports` (WHERRY_DIRECTORIES for the worker of a server).',
    elsewhere: true,
  },
  'worker.certificate': {
    status: 502,
    message: 'The certificate of the server at {server} is not trusted',
    next: 'Give --ca the PEM file of the authority that signed it, and in --server the name that the certificate is for.',
  },
  'worker.address': {
    status: 400,
    message: 'A worker elsewhere reaches a server over HTTPS only, and {server} is no such address',
    next: 'Say --server https://NAME:PORT. The server gets its certificate by --tls-cert and --tls-key.',
  },
  'worker.file_unreadable': {
    status: 400,
    message: 'The worker cannot read {path}',
    next: 'Put the worker’s token (wherry token create --worker) or the authority’s certificate there, readable by the user that runs the worker.',
  },
} as const satisfies Record<string, ErrorEntry>;
