import type { ErrorEntry } from '../errors.ts';

/** Targets: libvirt, and image files, which share their form. */
export const libvirtErrors = {
  'libvirt.not_running': {
    status: 503,
    message: '[VM {vm}: ]libvirt does not answer at {uri}[ on host {host}]',
    next: 'Start it[ on {host}]: systemctl start libvirtd (qemu:///system), or virsh -c qemu:///session list (qemu:///session). If it is not installed, install libvirt-daemon-system. Then start the migration again.',
    passing: true,
    elsewhere: true,
  },
  'libvirt.not_allowed': {
    status: 403,
    message: 'User {user} may not use libvirt at {uri}[ on host {host}][, where VM {vm} is to go]',
    next: 'Run the worker as root (sudo), add {user} to the group libvirt (usermod -aG libvirt {user}) and start the worker again, or use qemu:///session.',
    elsewhere: true,
  },
  'libvirt.uri_unsupported': {
    status: 400,
    message: '[VM {vm}: ]the libvirt URI {uri} is not supported as a target',
    next: 'Use qemu:///system or qemu:///session, on a worker that runs on the libvirt host itself.',
  },
  'libvirt.refused': {
    status: 502,
    message: '[VM {vm}: ]libvirt at {uri}[ on host {host}] refused the connection',
    next: 'Read the cause; virsh -c {uri} version says more.',
    elsewhere: true,
  },
  'libvirt.connection_lost': {
    status: 503,
    message: '[VM {vm}: ]the connection to libvirt ({socket}[ on host {host}]) broke',
    next: 'It is tried again by itself. If it stays so, look at the log of libvirtd.',
    passing: true,
  },
  'libvirt.no_answer': {
    status: 504,
    message: '[VM {vm}: ]libvirt ({socket}[ on host {host}]) did not answer for {seconds} seconds',
    next: 'It is tried again by itself. If it stays so, look whether libvirtd hangs, and at its log.',
    passing: true,
  },
  'libvirt.call_failed': {
    status: 502,
    message: 'libvirt could not {action} for VM {vm}',
    next: 'The cause is libvirt’s own message: mend what it names on the host[ {host}], then start the migration again. More is in the log of libvirtd (journalctl -u libvirtd).',
  },
  'libvirt.no_permission': {
    status: 403,
    message: 'User {user} cannot write volumes of pool {pool} in {path}[ on host {host}][, where VM {vm} is to go]',
    next: 'libvirt makes volumes that only {owner} can write: run the worker as {owner} (sudo), or use qemu:///session.',
    elsewhere: true,
  },
  'libvirt.other_host': {
    status: 409,
    message:
      '[VM {vm}: ]the path {path} of pool {pool} is not the same place for the worker[ on host {host}] as for libvirt at {uri}',
    next: 'Run a worker on the libvirt host itself, outside of containers, with the same file systems mounted.',
    elsewhere: true,
  },
  'libvirt.tool_missing': {
    status: 503,
    message: '[VM {vm}: ]{tool} is not installed[ on host {host}]',
    next: 'Install it (Debian and Ubuntu: {package}).',
    elsewhere: true,
  },
  'libvirt.pool_missing': {
    status: 404,
    message: '[VM {vm}: ]libvirt[ on host {host}] has no storage pool {pool}',
    next: 'Choose one of: {pools}. Or define it: virsh pool-define-as {pool} dir --target DIRECTORY, then pool-start and pool-autostart.',
  },
  'libvirt.pool_inactive': {
    status: 409,
    message: '[VM {vm}: ]the storage pool {pool}[ on host {host}] is not started',
    next: 'Start it: virsh pool-start {pool}. Active pools: {pools}.',
  },
  'libvirt.pool_unsupported': {
    status: 400,
    message: '[VM {vm}: ]the storage pool {pool}[ on host {host}] is of type {type}, which cannot be a target',
    next: 'Choose a pool of type dir, fs or netfs: {pools}.',
  },
  'libvirt.volume_away': {
    status: 503,
    message:
      '[VM {vm}: ]the volume {volume} of pool {pool}[ on host {host}] was not found, and nothing proves that it was removed',
    next: 'The cause says why. If the pool or what is mounted under it is only away, bring it back (virsh pool-define-as, virsh pool-start), then undo again or finish the hand-over. If the volume was removed for good, say so when you ask (“removed for good” in the console; wherry finish --gone).',
    passing: true,
  },
  'libvirt.no_space': {
    status: 409,
    message:
      'VM {vm} needs at least {neededGiB} GiB, but pool {pool}[ on host {host}] has only {availableGiB} GiB left',
    next: 'Make room in the pool, choose another one (virsh pool-list --details shows how much they have), or choose qcow2 if it was raw.',
  },
  'libvirt.may_outgrow_space': {
    status: 409,
    message:
      'VM {vm} fits into pool {pool}[ on host {host}] now, but its disks can grow to {neededGiB} GiB, and {availableGiB} GiB are left',
    next: 'Make room before the guest fills its disks.',
  },
  'libvirt.size_unknown': {
    status: 409,
    message:
      'How much VM {vm} needs in pool {pool} is not known before its disks are read; {availableGiB} GiB are left',
    next: 'Make sure that there is room for it.',
  },
  'libvirt.name_taken': {
    status: 409,
    message:
      '[VM {vm}: ]libvirt at {uri}[ on host {host}] already has a VM named {name}, which is not of this migration',
    next: 'Give the migrated VM another name, or rename or remove the existing one if it is not needed (virsh domrename, virsh undefine).',
  },
  'libvirt.name_invalid': {
    status: 400,
    message: '[VM {vm}: ]libvirt accepts no VM named “{name}”',
    next: 'Give the migrated VM a name that is not empty and has no slashes and control characters.',
  },
  'libvirt.volume_exists': {
    status: 409,
    message:
      '[VM {vm}: ]pool {pool}[ on host {host}] already has a volume {volume}, which is not of this migration; it was left alone',
    next: 'Give the migrated VM another name, or remove the volume if it is not needed: virsh vol-delete --pool {pool} {volume}.',
  },
  'libvirt.network_missing': {
    status: 404,
    message:
      'VM {vm} shall be on {network}, but there is no libvirt network and no bridge of that name[ on host {host}]',
    next: 'Map it to one of: {networks}. virsh net-list --all shows libvirt’s networks.',
  },
  'libvirt.network_unmapped': {
    status: 400,
    message: 'It is not said what network {network} of VM {vm} becomes at the target',
    next: 'Map it, or * for all others, to one of: {networks}.',
  },
  'libvirt.network_defaulted': {
    status: 400,
    message: 'Network {network} of VM {vm} becomes {chosen} at the target, because nothing else was said',
    next: 'Map it to another network if that is not right.',
  },
  'libvirt.network_inactive': {
    status: 409,
    message: 'VM {vm} shall be on the libvirt network {network}, which is not started[ on host {host}]',
    next: 'Start it: virsh net-start {network}; virsh net-autostart {network}.',
  },
  'libvirt.firmware_missing': {
    status: 409,
    message: 'VM {vm} needs {firmware}, for which there is no firmware[ on host {host}]',
    next: 'Install it (Debian and Ubuntu: ovmf; for ARM: qemu-efi-aarch64).',
  },
  'libvirt.arch_missing': {
    status: 409,
    message: 'VM {vm} is of architecture {arch}, which this host cannot run',
    next: 'Install the emulator (Debian and Ubuntu: qemu-system), or choose another host.',
  },
  'libvirt.emulated': {
    status: 409,
    message: 'KVM does not work on this host: VM {vm} will run emulated, many times slower',
    next: 'Enable virtualization in the firmware of the host, or choose another host.',
  },
  'libvirt.not_ours': {
    status: 409,
    message: 'The VM {vm} at the target does not carry the mark of this migration; it was left alone',
    next: 'Look who changed it. If it may go: virsh undefine {vm} --nvram.',
  },
  'libvirt.vm_gone': {
    status: 404,
    message: 'The VM {vm} is no longer at the target',
    next: 'Somebody removed it. Retry the migration to create it again.',
  },
  'libvirt.start_failed': {
    status: 502,
    message: 'VM {vm} could not be started at the target',
    next: 'Read the cause; more is in /var/log/libvirt/qemu/{vm}.log on the host.',
  },
  'libvirt.boot_failed': {
    status: 502,
    message: 'VM {vm} was started at the target but {what}',
    next: 'Look at its console (virsh console {vm}, or VNC) and at /var/log/libvirt/qemu/{vm}.log on the host.',
  },
  'files.no_permission': {
    status: 403,
    message: 'User {user} cannot write in {path}[ on host {host}][, where VM {vm} is to go]',
    next: 'Give {user} write and search permission there (chmod or setfacl -m u:{user}:rwx {path}), choose another directory, or run the worker as another user.',
    elsewhere: true,
  },
  'files.directory_missing': {
    status: 404,
    message: '[VM {vm}: ]there is no directory {path}[ on host {host}]',
    next: 'Create it on the machine where the worker runs (mkdir -p {path}), or choose another one.',
    elsewhere: true,
  },
  'files.exists': {
    status: 409,
    message: '[VM {vm}: ]{path}[ on host {host}] exists already and is not of this migration; it was left alone',
    next: 'Move it away, or give the migrated VM another name or directory.',
  },
  'files.compressed_format': {
    status: 409,
    message: 'VM {vm}: compressed images are raw, not {format}',
    next: 'Choose raw, or no compression.',
  },
  'files.compressed_unreadable': {
    status: 502,
    message: '[VM {vm}, ][disk {disk}: ]what was written to {path} does not unpack to the disk',
    next: 'Nothing was handed over. Check the storage under the directory, then migrate the VM again.',
  },
  'files.no_space': {
    status: 409,
    message: 'VM {vm} needs at least {neededGiB} GiB, but {path}[ on host {host}] has only {availableGiB} GiB left',
    next: 'Make room there, choose another directory, or choose qcow2 if it was raw.',
  },
  'files.may_outgrow_space': {
    status: 409,
    message:
      'VM {vm} fits into {path}[ on host {host}] now, but its disks can grow to {neededGiB} GiB, and {availableGiB} GiB are left',
    next: 'Make room before the guest fills its disks.',
  },
  'files.size_unknown': {
    status: 409,
    message: 'How much VM {vm} needs in {path} is not known before its disks are read; {availableGiB} GiB are left',
    next: 'Make sure that there is room for it.',
  },
  'files.away': {
    status: 503,
    message: '[VM {vm}: ]the directory {path}[ on host {host}] cannot be reached: nothing is known of what is in it',
    next: 'Wherry tries again. If it stays so, mount it there again, then undo again or finish the hand-over.',
    passing: true,
  },
  'files.directory_gone': {
    status: 503,
    message:
      '[VM {vm}: ]the directory {path} is not there[ on host {host}]: nothing is known of the files that were made in it',
    next: 'Wherry tries again. If it stays so, mount it there again, or put it back, then undo again or finish the hand-over. If it was removed for good, say so when you ask (“removed for good” in the console; wherry finish --gone).',
    passing: true,
  },
  'files.directory_other': {
    status: 503,
    message:
      '[VM {vm}: ]{path}[ on host {host}] is not the directory that the files were made in, and they are not there: what was mounted there is away, or it was made anew',
    next: 'Wherry tries again. If it stays so, mount the right one there again, then undo again or finish the hand-over. If the files were removed for good, say so when you ask (“removed for good” in the console; wherry finish --gone).',
    passing: true,
  },
  'files.hand_over_failed': {
    status: 502,
    message: 'VM {vm}: what is in {path}[ on host {host}] could not be handed over',
    next: 'The cause is the system’s own message: mend what it names, then finish the hand-over.',
  },
  'files.create_failed': {
    status: 502,
    message: '{path} could not be created for VM {vm}[ on host {host}]',
    next: 'The cause is the system’s own message: mend what it names, then start the migration again.',
  },
  'files.no_hard_links': {
    status: 409,
    message:
      '[VM {vm}: ]the file system of {path}[ on host {host}] has no hard links, by which finished disks get their names',
    next: 'Choose a directory or pool on another file system (ext4, xfs, btrfs, nfs).',
  },
} as const satisfies Record<string, ErrorEntry>;
