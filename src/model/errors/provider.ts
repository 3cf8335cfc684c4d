import type { ErrorEntry } from '../errors.ts';

/** What goes wrong between us and a provider, whatever its type. `system` is its address as the user wrote it. */
export const providerErrors = {
  'provider.name_unknown': {
    status: 502,
    message: 'The name {host} of {system} cannot be resolved[ on host {worker}]',
    next: 'Check the address, and the name service of the machine that runs the worker. It is tried again by itself.',
    passing: true,
  },
  'provider.unreachable': {
    status: 502,
    message: 'Nothing answers at {system}[ on port {port}]',
    next: 'Check the address, the port and the firewall between the worker and it. It is tried again by itself.',
    passing: true,
  },
  'provider.hangs': {
    status: 504,
    message: '{system} took the connection, but gave no answer in {seconds} s',
    next: 'Look whether it is overloaded. It is tried again by itself.',
    passing: true,
  },
  'provider.busy': {
    status: 503,
    message: '{system} says that it is busy',
    next: 'It is tried again by itself, less and less often.',
    passing: true,
  },
  'provider.connection_lost': {
    status: 502,
    message: 'The connection to {system} broke in the middle of an answer',
    next: 'It is tried again by itself.',
    passing: true,
  },
  'provider.session_ended': {
    status: 502,
    message: '{system} ended our session',
    next: 'It signs in again by itself. If this repeats, look who ends sessions there.',
    passing: true,
  },
  'provider.certificate_untrusted': {
    status: 502,
    message: 'The certificate of {system} is not trusted: {why}. Its SHA-256 fingerprint is {shown}',
    next: 'Compare the fingerprint with the one on the system itself. If they are the same, trust it; or give the authority that signed it.',
  },
  'provider.certificate_changed': {
    status: 502,
    message: 'The certificate of {system} is another one: its SHA-256 fingerprint was {trusted}, now it is {shown}',
    next: 'Ask who runs it whether the certificate was renewed. Only if so, trust the new one. Until then nothing is sent there.',
  },
  'provider.host_key_untrusted': {
    status: 502,
    message: 'The ssh host key of {system} is not known yet. Its fingerprint is {shown}',
    next: 'Compare it with what ssh-keygen -lf prints for the key on the host itself. If they are the same, trust it.',
  },
  'provider.host_key_changed': {
    status: 502,
    message: 'The ssh host key of {system} is another one: it was {trusted}, now it is {shown}',
    next: 'Ask who runs it whether the host was installed anew. Only if so, trust the new key. Until then nothing is sent there.',
  },
  'provider.sign_in_refused': {
    status: 502,
    message: '{system} refused to let {user} in',
    next: 'Correct the name or the password. It was tried once and is not tried again by itself, so that the account is not locked.',
  },
  'provider.not_such_a_system': {
    status: 502,
    message: '{system} is no {expected}: {found}',
    next: 'Check the address and the type of the provider.',
  },
  'provider.answer_broken': {
    status: 502,
    message: '{system} gave an answer that cannot be read: {what}',
    next: 'It is tried again by itself. If this repeats, look for a proxy between the worker and it, and send us a diagnosis.',
    passing: true,
  },
  'provider.refused': {
    status: 502,
    message: '{system} refused {operation}',
    next: 'The cause is in its own words. Look at the privileges of the account: `wherry provider check` names them.',
  },
  'provider.version_unsupported': {
    status: 502,
    message: '{system} is version {version}; from {oldest} on it is supported',
    next: 'Upgrade it, or use another way in.',
  },
  'provider.secret_missing': {
    status: 422,
    message: 'The account for {system} needs a {secret}',
    next: 'Give it with the provider: in the console, or on standard input of `wherry provider add`.',
  },
  'provider.secret_unknown': {
    status: 422,
    message: 'An account of type {type} has no secret named {secret}',
    next: 'It may have: {known}.',
  },
  'provider.setting_wrong': {
    status: 422,
    message: 'The {setting} of the provider is wrong: {why}',
    next: 'Correct it and try again.',
  },
  'provider.not_found': {
    status: 404,
    message: 'There is no provider {provider}',
    next: '`wherry provider list` shows those there are.',
  },
  'provider.name_taken': {
    status: 409,
    message: 'There is a provider named {name} already',
    next: 'Choose another name.',
  },
  'provider.object_not_found': {
    status: 404,
    message: 'There is no {kind} {ref}[ in provider {provider}]',
    next: 'It may have been removed meanwhile: look at the list.',
  },
  'provider.no_worker': {
    status: 503,
    message: 'No worker can reach provider {provider}[: {worker} has not been heard of since {since}]',
    next: 'Start the worker, or choose another one for the provider.',
    passing: true,
  },
  'provider.stale_watch': {
    status: 410,
    message: 'This watch of a provider has ended: another one has begun since',
    next: 'Nothing to do: the worker that watches now goes on.',
  },
  'provider.same_system': {
    status: 409,
    message: 'Provider {provider} is the same system as provider {other}: {system}',
    next: 'Use {other}, or remove one of the two: two accounts for one system would each see half of it. If they are two libvirt hosts whose boards carry one UUID, set host_uuid in libvirtd.conf (virtqemud.conf) of one of them.',
  },
  'provider.batch_refused': {
    status: 422,
    message: 'What was read of provider {provider} cannot be stored: {why}',
    next: 'It is a defect; the server’s log has the details. Refresh the provider to try again.',
  },
  'provider.check_failed': {
    status: 422,
    message: '{system} is not ready to be used: {count} of its checks failed',
    next: 'The causes name each and the way to mend it. To save it as it is, ask for no check.',
  },
  'provider.secret_again': {
    status: 422,
    message: 'The address of provider {provider} changes: its secret {secret} has to be given again',
    next: 'Give it with the new address, so that a kept secret is never sent to another system unasked.',
  },
  'provider.too_large': {
    status: 422,
    message: 'An object in {system} is too large to be stored: {what}',
    next: 'Give it a shorter name or path there.',
  },
  'provider.object_strange': {
    status: 422,
    message: 'What is told of {name} cannot be: {what}',
    next: 'Look at it in the system itself. If it is well there, it is a defect: send us a diagnosis.',
  },
  'provider.too_many_files': {
    status: 422,
    message: 'There are more than {limit} files in {system}',
    next: 'Name a directory that holds just what is to be migrated.',
  },
  'provider.no_ranges': {
    status: 502,
    message: '{system} does not send parts of {path}: it has to be read from its beginning to its end',
    next: 'Use a server that knows Range requests, or copy the file to a directory of the worker.',
  },
  'provider.http_status': {
    status: 502,
    message: '{system} answers {status} to a request for {path}',
    next: 'Look at the address, and at who may read it there.',
  },
  'secrets.key_missing': {
    status: 500,
    message: 'The key {key} that opens the secrets in the database is not in {path}',
    next: 'Put the key file of the backup there (several servers on one database each need a copy of it). If it is lost, `wherry secrets rotate --forget-lost` makes a new one, and each provider asks for its secrets again.',
  },
  'secrets.key_file': {
    status: 500,
    message: 'The key file {path} is of no use: {why}',
    next: 'It has to belong to the user that runs the server, with mode 0600, as Wherry has written it.',
  },
  'secrets.damaged': {
    status: 500,
    message: 'A secret in the database was changed or moved there, and cannot be opened',
    next: 'Give the provider its secrets again (wherry provider edit). Look at who may write to the database.',
  },
  'provider.unsupported_here': {
    status: 422,
    message: 'This worker cannot connect to {system}: {why}',
    next: 'Install what is missing on the worker’s machine, or choose another worker for the provider.',
    elsewhere: true,
  },
} as const satisfies Record<string, ErrorEntry>;
