import type { ErrorEntry } from '../errors.ts';

/** Disks on their way: NBD, files, helper processes. */
export const transferErrors = {
  'transfer.connect_failed': {
    status: 503,
    message: '[VM {vm}: ][disk {disk}: ]no connection to {where}',
    next: 'Wherry tries again. If it stays so, look whether what serves this disk runs and can be reached.',
    passing: true,
  },
  'transfer.connection_lost': {
    status: 503,
    message: '[VM {vm}: ][disk {disk}: ]the connection to {where} was lost',
    next: 'Wherry opens it again and goes on where it stopped. If it happens again and again, the cause says what ended.',
    passing: true,
  },
  'transfer.nbd_refused': {
    status: 502,
    message: '[VM {vm}: ][disk {disk}: ]the server of {where} does not give out the export “{exportName}”',
    next: 'Look whether the disk still exists under that name; the cause is the server’s own answer.',
  },
  'transfer.nbd_protocol': {
    status: 502,
    message: '[VM {vm}: ][disk {disk}: ]the server of {where} breaks the NBD protocol',
    next: 'Nothing that it sent was used. Report it with the cause and the server’s version.',
  },
  'transfer.read_failed': {
    status: 502,
    message: '[VM {vm}: ][disk {disk}: ]reading {length} bytes at offset {offset} of {where} failed: {errno}',
    next: 'Wherry tries again. If it stays so, the storage below cannot be read there: check it at the source.',
    passing: true,
  },
  'transfer.storage_away': {
    status: 503,
    message: '[VM {vm}: ]storage[ on host {host}] does not answer: {errno}[ ({path})]',
    next: 'Wherry tries again. If it stays so, look at the mount and at the server or disk that it comes from.',
    passing: true,
  },
  'transfer.write_failed': {
    status: 502,
    message: '[VM {vm}: ][disk {disk}: ]writing {length} bytes at offset {offset} of {where} failed: {errno}',
    next: 'Wherry tries again. If it stays so, check the target’s storage.',
    passing: true,
  },
  'transfer.refused': {
    status: 502,
    message: '[VM {vm}: ][disk {disk}: ]{where} refuses to {action} {length} bytes at offset {offset}: {errno}',
    next: 'It will not change by itself. The cause is the server’s own answer: mend what it names, then start the migration again.',
  },
  'transfer.no_space': {
    status: 507,
    message:
      '[VM {vm}: ][disk {disk}: ]there is no space left for {where}[ on host {host}] (at byte {offset} of the disk)',
    next: 'Free space on the target’s storage or choose another one, then start the migration again. What this one had made was removed.',
  },
  'transfer.read_only': {
    status: 409,
    message: '[VM {vm}: ][disk {disk}: ]{where}[ on host {host}] was opened read only and cannot be written',
    next: 'Check the permissions of the target, and that nothing else has it open for writing.',
  },
  'transfer.flush_unsupported': {
    status: 502,
    message: '[VM {vm}: ][disk {disk}: ]the server of {where} cannot make written data durable (no flush)',
    next: 'Use a target whose server supports flush; without it a copy could be lost after it was reported as done.',
  },
  'transfer.source_shrank': {
    status: 409,
    message:
      '[VM {vm}: ][disk {disk}: ]{path} ends at byte {end}, but bytes up to {needed} belong to the disk: it is cut off or was changed meanwhile',
    next: 'Get the complete file back in place and start again; nothing may change it during a migration.',
  },
  'transfer.qemu_nbd_failed': {
    status: 500,
    message: '[VM {vm}: ][disk {disk}: ]qemu-nbd cannot open {path} as {format}[ on host {host}]',
    next: 'The cause is qemu-nbd’s own message. Check that the file exists, is readable, and is not used by another program.',
  },
  'transfer.image_damaged': {
    status: 500,
    message: '[VM {vm}: ][disk {disk}: ]QEMU finds the copied image {path} damaged[ on host {host}]',
    next: 'The cause is qemu-img’s own message. Look whether the target’s storage is well, then start the migration again. Nothing was handed over.',
  },
  'transfer.copy_failed': {
    status: 502,
    message: '[VM {vm}, ]disk {disk}: the {side} failed at offset {offset}, {attempts} tries in all',
    next: 'Mend what the cause names at the {side}, then start the migration again. What this one had made was removed.',
  },
  'transfer.source_changed': {
    status: 409,
    message:
      '[VM {vm}, ]disk {disk}: the source is not what it was when the migration began[: it had {expected} bytes and has {found} now]',
    next: 'Nothing may change the source during a migration. Start it again; this disk is copied from the beginning.',
  },
  'transfer.source_differs': {
    status: 409,
    message: 'VM {vm}: the source was changed since its migration began, and is another one now: {what}',
    next: 'Nothing may change the source during a migration. Migrate the VM again: that looks anew at everything.',
  },
  'transfer.short_read': {
    status: 502,
    message: '[VM {vm}, ]disk {disk}: the source gave {found} of {expected} bytes at offset {offset}',
    next: 'The source is cut off or was changed meanwhile. Get the complete disk back in place and start again.',
  },
  'transfer.target_too_small': {
    status: 409,
    message: '[VM {vm}, ]disk {disk}: the target has {found} bytes, the source {expected}',
    next: 'Remove the target disk and start again, so that it is created with the right size.',
  },
  'transfer.verify_mismatch': {
    status: 500,
    message:
      '[VM {vm}, ]disk {disk}: {length} bytes at offset {offset} are not what was copied: SHA-256 is {found}, the source’s is {expected}',
    next: 'The target’s storage or the way there changes data. Nothing was booted from it. Check that storage, then retry.',
  },
  'transfer.verify_incomplete': {
    status: 500,
    message: '[VM {vm}, ]disk {disk}: no digest is known for offset {offset}, so the copy cannot be verified',
    next: 'Retry: what has no digest is copied again.',
  },
  'transfer.applied_mismatch': {
    status: 500,
    message: '[VM {vm}, ]disk {disk}: {length} bytes at offset {offset} are not what the conversion wrote',
    next: 'The target’s storage or the way there changes data. Nothing was booted from it. Check that storage, then retry.',
  },
  'transfer.manifest_invalid': {
    status: 400,
    message: 'The manifest is not usable (line {line}): {problem}',
    next: 'Download the manifest again; it must not be edited.',
  },
  'transfer.disk_unreadable': {
    status: 400,
    message: '{path} cannot be read here',
    next: 'Check the path, and that you may read it. A disk is verified on the machine where it is.',
  },
  'transfer.manifest_size': {
    status: 409,
    message: 'Disk {disk} has {found} bytes; its manifest is about {expected}',
    next: 'Check that the manifest belongs to this disk.',
  },
} as const satisfies Record<string, ErrorEntry>;
