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
    next: 'Try again; after five failures each further try has to wait longer.',
  },
  'auth.forbidden': {
    status: 403,
    message: 'This account may not do that: it needs the role {role}',
    next: 'Ask an administrator.',
  },
  'auth.throttled': {
    status: 429,
    message: 'Too many failed attempts to sign in as {user}; the next one is possible in {seconds} s',
    next: 'Wait, then try again. The account is not locked.',
  },
  'auth.bad_token': {
    status: 401,
    message: 'This token is not, or no longer, valid',
    next: 'Make a new one: wherry token create NAME.',
  },
  'auth.origin': {
    status: 403,
    message: 'The request comes from another site: {origin}',
    next: 'Use the console at its own address. Programs should send an API token instead of the cookie.',
  },
  'auth.setup_needed': {
    status: 409,
    message: 'This Wherry has no administrator yet',
    next: 'Open the console and use the set-up token: wherry setup-token prints it.',
  },
  'auth.setup_done': {
    status: 409,
    message: 'This Wherry has been set up already',
    next: 'Sign in with the account of the administrator.',
  },
  'auth.setup_token': {
    status: 403,
    message: 'The set-up token is wrong',
    next: 'Run wherry setup-token on the machine where the server runs.',
  },
  'request.method': {
    status: 405,
    message: '{method} is not possible at {path}; only {allowed}',
    next: '/api/docs describes each request.',
  },
  'request.no_route': {
    status: 404,
    message: 'There is nothing at {path}',
    next: '/api/docs lists all there is.',
  },
  'request.too_large': {
    status: 413,
    message: 'The request is larger than {limit} bytes',
    next: 'Send less at once.',
  },
  'request.media_type': {
    status: 415,
    message: 'A body of type {type} is not understood',
    next: 'Send JSON, with Content-Type: application/json.',
  },
  'request.idempotency_key': {
    status: 400,
    message: 'The request needs the header Idempotency-Key',
    next: 'Send a value of your own, new for each new request and the same when you send one again (a UUID is good).',
  },
  'request.idempotency_mismatch': {
    status: 422,
    message: 'The Idempotency-Key {key} was used before for another request',
    next: 'Use a new key for a new request.',
  },
  'request.in_progress': {
    status: 409,
    message: 'The same request (Idempotency-Key {key}) is still being worked on',
    next: 'Send it again in a moment; the answer will be that of the first one.',
    passing: true,
  },
  'request.secret_answer': {
    status: 409,
    message: 'The request with Idempotency-Key {key} was done, and its answer held a secret that is shown only once',
    next: 'Remove what it made, and make another with a new key.',
  },
  'server.stopping': {
    status: 503,
    message: 'The server is stopping',
    next: 'Try again in a moment.',
    passing: true,
  },
  'server.database_unreachable': {
    status: 503,
    message: 'The database does not answer',
    next: 'Look at the server log. A server of your own (WHERRY_DATABASE_URL) has to be running and reachable.',
    passing: true,
  },
  'server.already_running': {
    status: 409,
    message: 'A server already runs on {home} (process {pid})',
    next: 'Use that one, stop it first, or give the second one a WHERRY_HOME of its own. Several servers need one database: WHERRY_DATABASE_URL.',
  },
  'server.postgres_missing': {
    status: 500,
    message: 'No PostgreSQL 15 or newer to run the private database with (found: {found})',
    next: 'Install one (Debian, Ubuntu: apt-get install postgresql), name its programs with WHERRY_POSTGRES_BIN, or a server of your own with WHERRY_DATABASE_URL.',
  },
  'server.postgres_major': {
    status: 500,
    message: 'The database in {directory} was made by PostgreSQL {major}, but here is only {found}',
    next: 'Install PostgreSQL {major} beside it (apt-get install postgresql-{major}). To move to another version: run the old one, write a dump with pg_dump, move {directory} away, start Wherry once, stop it, and read the dump back with psql.',
  },
  'server.postgres_root': {
    status: 500,
    message: 'PostgreSQL does not run as root, and there is no other user that can use {directory}',
    next: 'Run Wherry as a user of its own, or create the user postgres and let it pass to {directory} (chmod o+x on the directories above it).',
  },
  'server.postgres_failed': {
    status: 500,
    message: 'The private database in {directory} does not start',
    next: 'The cause below is PostgreSQL’s own. Free space, permissions and damage of the disk are the usual reasons.',
  },
  'server.database_newer': {
    status: 500,
    message: 'The database is newer than this Wherry: it has migration {found}, this Wherry knows up to {known}',
    next: 'Run the newer Wherry, or restore the backup made before the upgrade.',
  },
  'server.migration_changed': {
    status: 500,
    message: 'Migration {file} is not the one that was applied to this database',
    next: 'Install Wherry again: one of its files was changed. Applied migrations are never edited.',
  },
  'server.config': {
    status: 500,
    message: 'The setting {name} is not valid: {problem}',
    next: 'Correct it in the environment or on the command line; wherry server --help lists all settings.',
  },
  'server.tls_required': {
    status: 500,
    message: 'The server may not listen on {address} without TLS: passwords and tokens would travel in the clear',
    next: 'Give a certificate and its key (--tls-cert, --tls-key), or listen on 127.0.0.1 and put a proxy with TLS in front.',
  },
  'server.listen': {
    status: 500,
    message: 'The server cannot listen on {address}',
    next: 'Another program may be using it; choose another with --listen.',
  },
  'client.unreachable': {
    status: 503,
    message: 'No Wherry server answers at {server}',
    next: 'Start one with: wherry server. Or name the one to use with --server or WHERRY_SERVER.',
    passing: true,
  },
  'client.answer': {
    status: 502,
    message: '{server} answered {status} with something that is not Wherry’s',
    next: 'Check the address: a proxy, or another program, may be answering.',
  },
} as const satisfies Record<string, ErrorEntry>;
