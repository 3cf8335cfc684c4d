import type { ErrorEntry } from '../errors.ts';

/** Files on their way into a store. */
export const uploadErrors = {
  'upload.bad_name': {
    status: 422,
    message: '{name} cannot be uploaded: {why}',
    next: 'Rename it. Files of one VM go into one folder: web01/web01.ovf, web01/disk0.vmdk.',
  },
  'upload.not_a_store': {
    status: 422,
    message: 'Provider {provider} is no directory that files can be put into',
    next: 'Add a provider of type OVA store whose location is a directory of a worker.',
  },
  'upload.no_worker': {
    status: 503,
    message: 'No worker looks after provider {provider} now',
    next: 'Start the worker, or name another one with the provider.',
    passing: true,
  },
  'upload.under_way': {
    status: 409,
    message: '{name} is being uploaded to provider {provider} already',
    next: 'Go on with the file that it was begun with, or cancel it: in the console, or by `wherry upload --again`.',
  },
  'upload.not_found': {
    status: 404,
    message: 'There is no upload {upload}',
    next: 'Begin it anew.',
  },
  'upload.ended': {
    status: 409,
    message: 'The upload of {name} is {state}',
    next: 'Begin it anew if the file should be sent again.',
  },
  'upload.elsewhere': {
    status: 409,
    message: 'The upload of {name} is at byte {offset}',
    next: 'Go on from there.',
  },
  'upload.busy': {
    status: 409,
    message: 'Somebody else is sending a part of {name} just now',
    next: 'Look how far it is in a few seconds, and go on from there; two at once would mix their bytes.',
    passing: true,
  },
  'upload.too_long': {
    status: 413,
    message: 'This part of {name} would go beyond its {size} bytes, or beyond {limit} bytes at once',
    next: 'Send parts of at most {limit} bytes, up to the size that was given at the beginning.',
  },
  'upload.short': {
    status: 400,
    message: 'A part of {name} broke off after {found} of {expected} bytes',
    next: 'Send it again.',
    passing: true,
  },
  'upload.incomplete': {
    status: 409,
    message: '{name} has {found} of its {expected} bytes',
    next: 'Send the rest from there.',
  },
  'upload.exists': {
    status: 409,
    message: 'There is a {name} in {location} on host {host} already',
    next: 'Give it another name, or remove the one that is there.',
  },
  'upload.no_space': {
    status: 507,
    message:
      '{name} needs {needed:bytes}, but {location} on host {host} has only {free:bytes} that nothing else was promised',
    next: 'Make room there, or use another store.',
  },
  'upload.no_permission': {
    status: 403,
    message: 'User {user} on host {host} cannot write {name} in {location}',
    next: 'Give that user write permission there; the cause is in the system’s own words.',
  },
  'upload.lost': {
    status: 410,
    message: 'What was uploaded of {name} is not in {location} on host {host} any more',
    next: 'Cancel this upload and begin it anew.',
  },
  'upload.part_gone': {
    status: 410,
    message: 'Nobody sends this part of a file any more',
    next: 'Nothing to do: the sender tries again.',
  },
} as const satisfies Record<string, ErrorEntry>;
