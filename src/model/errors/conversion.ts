import type { ErrorEntry } from '../errors.ts';

/** What goes wrong while a guest is being made fit for KVM. The tool's own words are always the cause. */
export const conversionErrors = {
  'conversion.tool_missing': {
    status: 409,
    message: '[VM {vm}: ]the worker[ on host {host}] cannot convert guests: {reason}',
    next: 'Install the package virt-v2v (script/setup does), or set conversion to “never” if the guest already runs on KVM.',
    elsewhere: true,
  },
  'conversion.no_os': {
    status: 422,
    message: 'VM {vm}: no operating system was found on its disks[ ({disks})]',
    next: 'Check that all disks of the VM are there and not encrypted. If it is a data VM or boots from elsewhere, set conversion to “never” (--conversion never).',
  },
  'conversion.unsupported_os': {
    status: 422,
    message: 'VM {vm}: its operating system ({os})[ on {disks}] is not one that virt-v2v can convert',
    next: 'Set conversion to “never” (--conversion never): the guest keeps emulated devices it knows. Or install virtio drivers in it first and do the same.',
  },
  'conversion.multi_boot': {
    status: 422,
    message: 'VM {vm}: several operating systems are on its disks',
    next: 'Detach the disks of the others at the source, or set conversion to “never”.',
  },
  'conversion.encrypted': {
    status: 422,
    message: 'VM {vm}: its file systems are encrypted and cannot be converted without the key',
    next: 'Decrypt the disk in the guest at the source, or prepare virtio in the guest and set conversion to “never”.',
  },
  'conversion.guest_full': {
    status: 422,
    message:
      'VM {vm}: its file system {filesystem} has too little room for the conversion ({free} free, {needed} needed)',
    next: 'Free some space in the guest at the source, shut it down and start the migration again.',
  },
  'conversion.guest_dirty': {
    status: 422,
    message: 'VM {vm}: its file system was not shut down cleanly (hibernation, fast start-up or damage)',
    next: 'Start the guest at the source, turn hibernation and fast start-up off (powercfg /h off), check its disks, shut it down fully and try again.',
  },
  'conversion.guest_broken': {
    status: 422,
    message: 'VM {vm}: the guest could not be changed to run on KVM',
    next: 'Read the cause and the conversion log: a tool inside the guest failed or is missing. Mend it at the source, then try again.',
  },
  'conversion.appliance_missing': {
    status: 409,
    message: 'VM {vm}: the conversion cannot start[ on host {host}]: {missing} is missing',
    next: 'Install {package} on the worker (script/setup does), then start the migration again.',
    elsewhere: true,
  },
  'conversion.appliance_failed': {
    status: 503,
    message: 'VM {vm}: the small virtual machine that converts guests did not start or ended early',
    next: 'See that the worker has {memory} MiB of memory free and run libguestfs-test-tool there; the conversion log has the details.',
    passing: true,
  },
  'conversion.no_scratch_space': {
    status: 507,
    message: 'VM {vm}: too little room for the conversion in {directory}[ on host {host}]',
    next: 'Free at least 1 GiB there, or point the worker’s cache directory (XDG_CACHE_HOME) elsewhere.',
  },
  'conversion.disk_unreadable': {
    status: 503,
    message: 'VM {vm}: a disk could not be read or written during the conversion[ on host {host}]',
    next: 'See whether the source is still reachable; the conversion is tried again by itself.',
    passing: true,
  },
  'conversion.timed_out': {
    status: 504,
    message: 'VM {vm}: the conversion took longer than {minutes} minutes and was ended in phase “{phase}”',
    next: 'See whether KVM works on the worker (without it conversion is about ten times slower) and what else runs there, then try again.',
  },
  'conversion.killed': {
    status: 503,
    message: 'VM {vm}: the conversion was killed ({signal}) in phase “{phase}”',
    next: 'The worker probably ran out of memory; the conversion is tried again by itself. See the kernel’s log if it repeats.',
    passing: true,
  },
  'conversion.result_unknown': {
    status: 500,
    message: 'VM {vm}: virt-v2v {version} ended well but did not say what the guest can use ({missing})',
    next: 'Report it with the conversion log: this version prints something that Wherry does not know yet.',
  },
  'conversion.failed': {
    status: 500,
    message: 'VM {vm}: virt-v2v failed in phase “{phase}”',
    next: 'Read the cause and the conversion log. If the guest already has virtio drivers, conversion “never” does without it.',
  },
  'conversion.way_taken': {
    status: 409,
    message:
      '[VM {vm}: ]the worker[ on host {host}] needs {path} for the conversion, and there is something of somebody else',
    next: 'See what it is and remove it, or give the worker a home with a shorter path, which needs no other.',
    elsewhere: true,
  },
  'conversion.overlay': {
    status: 500,
    message: 'The overlay {path} could not be {action}',
    next: 'Read the cause; most often there is no room left in the worker’s directory or the disk behind it is gone. Try again.',
    passing: true,
  },
} as const satisfies Record<string, ErrorEntry>;
