import type { ErrorEntry } from '../errors.ts';

/** Reading what is migrated: files and their permissions, OVF packages (OVA), bare images. Entries of concerns too. */
export const sourceErrors = {
  'source.not_found': {
    status: 404,
    message: 'There is no {path}: {missing} does not exist on host {host}',
    next: 'Check the path; it is a path on {host}, the machine where the worker runs.',
    elsewhere: true,
  },
  'source.gone': {
    status: 503,
    message: 'There is no {path} any more: {missing} is not there on host {host}',
    next: 'Wherry tries again. If it lies on storage that was unmounted, mount it there again; if it was moved or removed, put it back.',
    passing: true,
  },
  'source.unreadable': {
    status: 403,
    message: 'User {user} on host {host} may not read {path}: it lacks {permission} permission on {component}',
    next: 'Give user {user} {permission} permission on {component} (chmod or setfacl), or copy the file to where it may read.',
    elsewhere: true,
  },
  'source.not_a_file': {
    status: 422,
    message: '{path} is a {kind}, not a file',
    next: 'Name a file (an OVA or a disk image) or a directory that holds an OVF.',
  },
  'source.read_failed': {
    status: 502,
    message: 'Reading {path} failed[ on host {host}]',
    next: 'Look at the storage under it (disk, NFS); the copy goes on where it stopped when it is tried again.',
    passing: true,
  },
  'source.changed': {
    status: 409,
    message: '{path} was changed while it was read: it is shorter, or another file by now',
    next: 'Make sure that nobody writes to it (an upload that has not ended?), then try again.',
  },
  'source.no_version': {
    status: 502,
    message: '{system} does not say which version of {path} it sends: neither ETag nor Last-Modified',
    next: 'A copy could not be gone on with, because nobody could tell whether it is still the same file. Let the server send one of them, or copy the file to a directory of a worker.',
  },
  'source.query_missing': {
    status: 409,
    message: 'What stands after the question mark of {path} is not known here',
    next: 'It is kept as a secret, apart from the address. Give the whole address again.',
  },
  'source.link_gone': {
    status: 404,
    message: '{page} has no link to {path} any more',
    next: 'What stands after the question mark of a link may be a secret: it is not kept, but taken from the page when the file is opened. Look at the page, or name the whole address of the file.',
  },
  'source.domain_on_web': {
    status: 422,
    message: '{path} may be a libvirt domain, which is not read on a web server',
    next: 'Copy it with its disks to a directory store of a worker. If it is something else, there is nothing to do.',
  },
  'source.too_much_to_list': {
    status: 422,
    message: '{path} cannot be listed: more than {limit:bytes} would have to be read for that',
    next: 'It may be migrated all the same, by its address. If it is no image of yours, take it off the page.',
  },
  'source.link_password': {
    status: 422,
    message: 'The link to {path} is a link with a password in it',
    next: 'It is not used and not kept. Let the page link to the file without one; a password is given with the provider.',
  },
  'source.link_twice': {
    status: 422,
    message: 'Several links lead to {path} that differ only in what stands after the question mark',
    next: 'That may be a secret, so it is no part of the name by which a file is known, and they cannot be told apart. Let each have a path of its own, or name the whole address of one.',
  },
  'source.vm_not_found': {
    status: 404,
    message: 'There is no VM {vm} in {path}; it holds: {names}',
    next: 'Say one of these names or ids (--vm on the command line).',
  },
  'source.vm_ambiguous': {
    status: 409,
    message: '{path} holds several VMs, and it was not said which one to migrate: {names}',
    next: 'Say which one by its id or name (--vm on the command line); each is a migration of its own.',
  },
  'source.disk_not_found': {
    status: 404,
    message: 'VM {vm} has no disk {disk} in {path}',
    next: 'The source was changed since the migration was planned; plan it again.',
  },
  'source.duplicate_path': {
    status: 422,
    message: '{path} is named twice',
    next: 'Name every disk image once.',
  },
  'source.format_contradicts': {
    status: 422,
    message: '{path} is called .{extension}, but its content is {format}',
    next: 'Rename it if it really is a {format} image. If somebody else made it: a guest can write such a header itself, to read other files.',
  },
  'domain.bad_xml': {
    status: 422,
    message: '{path} is no libvirt domain that can be read: {problem}',
    next: 'Export it again with `virsh dumpxml --inactive`, and put its disks beside it as files.',
  },
  'domain.disk_missing': {
    status: 422,
    message: 'VM {vm}: disk {disk} is in {file}, but there is no such file beside {path}',
    next: 'Copy the disk’s file into the directory of the XML.',
  },
  'ova.not_an_archive': {
    status: 422,
    message: '{path} is not an OVA: {looks}',
    next: 'Name an OVA (an uncompressed tar archive), a directory with an OVF, or import a bare disk image as such.',
  },
  'ova.bad_header': {
    status: 422,
    message: '{path} is damaged: the tar header at offset {offset} {problem}',
    next: 'Get the file again, or export the VM again.',
  },
  'ova.bad_member': {
    status: 422,
    message: '{path} holds {member}, which {problem}',
    next: 'Pack the OVA again with plain files only (tar -h follows links). Do not trust it if you do not know who made it.',
  },
  'ova.too_many_members': {
    status: 422,
    message: '{path} holds more than {limit} members',
    next: 'Pack the OVA again with just the OVF, its manifest and its disks.',
  },
  'ova.truncated': {
    status: 422,
    message: '{path} is cut off: {missing:bytes} of {member} are missing',
    next: 'The download, copy or export did not end: get the file again, and compare its size and checksum with the original.',
  },
  'ova.no_ovf': {
    status: 422,
    message: 'There is no .ovf file in {path}: it does not say what VM its files belong to',
    next: 'Name an OVA, or a directory that holds one OVF and its disks. Bare disk images can be imported by naming the images themselves.',
  },
  'ova.several_ovf': {
    status: 422,
    message: '{path} holds several OVFs: {names}',
    next: 'An OVA has one OVF. In a directory, name the .ovf file itself.',
  },
  'ova.too_large': {
    status: 422,
    message: '{member} in {path} has {bytes:bytes}; at most {limit:bytes} are read',
    next: 'Remove what does not belong there (embedded files) and pack the OVA again.',
  },
  'ova.encoding': {
    status: 422,
    message: '{member} in {path} is encoded as {encoding}; only UTF-8 is read',
    next: 'Convert it (iconv -t UTF-8), correct its first line, and remove the manifest or make it again.',
  },
  'ova.doctype': {
    status: 422,
    message: '{member} in {path} has a document type declaration (DOCTYPE), which could make a reader open other files',
    next: 'No tool that exports VMs writes one, so do not trust the file if you do not know who made it. If you do, remove the declaration from the OVF, and the manifest or make that again.',
  },
  'ova.bad_ovf': {
    status: 422,
    message: '{member} in {path} is not a valid OVF: {problem}',
    next: 'Export the VM again, or correct the OVF by hand (then remove the manifest, or make it again).',
  },
  'ova.disk_missing': {
    status: 422,
    message: 'VM {vm}: the file {file} of disk {disk} is not in {path}',
    next: 'Put it beside the OVF, or export the VM again.',
  },
  'ova.disk_outside': {
    status: 422,
    message: 'VM {vm}: disk {disk} names {file}, which lies outside of {path}',
    next: 'Put the disk beside the OVF and name it there without a path. If you do not know who made the OVF, do not use it: such a name can be an attempt to read other files.',
  },
  'ova.disk_parent': {
    status: 422,
    message: 'VM {vm}: disk {disk} holds only what differs from another disk (parentRef)',
    next: 'Remove the VM’s snapshots and export it again.',
  },
  'ova.chunked': {
    status: 422,
    message: 'VM {vm}: the file {file} of disk {disk} is split into chunks',
    next: 'Join the chunks (cat {file}.0* > {file}), remove ovf:chunkSize from the OVF, or export without chunks.',
  },
  'ova.compression': {
    status: 422,
    message: 'VM {vm}: the file {file} of disk {disk} is compressed with {method}; only gzip is read',
    next: 'Export it again with gzip or without compression.',
  },
  'ova.disk_format': {
    status: 422,
    message: 'VM {vm}: disk {disk} has the format {format}, which is not known',
    next: 'Export the VM with VMDK, qcow2, VHD, VHDX or raw disks.',
  },
  'ova.bad_manifest': {
    status: 422,
    message: 'Line {line} of the manifest {member} in {path} {problem}',
    next: 'Export the VM again. If you trust the files, remove the manifest.',
  },
  'ova.manifest_mismatch': {
    status: 422,
    message:
      '[VM {vm}: ]{member} in {path} is not what the manifest says: its {algorithm} is {actual}, expected was {expected}',
    next: 'Nothing was made from it. Get the file again: it was damaged or changed on its way. If you changed it yourself, make the manifest again or remove it.',
  },
  'ova.manifest_member_missing': {
    status: 422,
    message: 'The manifest of {path} lists {member}, which is not there',
    next: 'Get the file again, or export the VM again.',
  },
  'ova.member_unlisted': {
    status: 409,
    message: 'The manifest of {path} does not list {member}, so that damage to it cannot be seen',
    next: 'Export the VM again with a full manifest if you are not sure of the file.',
  },
  'ova.certificate_unchecked': {
    status: 409,
    message: '{path} is signed ({member}); Wherry checks the manifest but not the signature',
    next: 'Check the signature with the vendor’s tool if you need to know who made it.',
  },
  'ova.capacity_differs': {
    status: 409,
    message:
      'VM {vm}: the OVF says that disk {disk} has {declared:bytes}, the image says {actual:bytes}; the image is right',
    next: 'Nothing to do if you expected it: some tools round the number.',
  },
  'ova.size_differs': {
    status: 409,
    message: 'VM {vm}: the OVF says that {file} has {declared:bytes}, it has {actual:bytes}',
    next: 'Get the file again if you are not sure that it is whole.',
  },
  'ova.memory_unknown': {
    status: 409,
    message: 'VM {vm}: the OVF does not say how much memory it needs; it gets {bytes:bytes}',
    next: 'Change its memory at the target if that is not right.',
  },
  'ova.disk_empty': {
    status: 409,
    message: 'VM {vm}: disk {disk} comes without a file; an empty disk of {bytes:bytes} is made',
    next: 'Nothing to do if the VM had an empty disk.',
  },
  'ova.disk_unused': {
    status: 409,
    message: 'The OVF in {path} describes the disk {file}, which no VM in it uses; it is not migrated with {vm}',
    next: 'If the VM had that disk, migrate it as an image by itself, or export the VM again.',
  },
  'ova.drive_ignored': {
    status: 409,
    message: 'VM {vm}: drive {disk} names no disk and is left out',
    next: 'Nothing to do if the drive was empty.',
  },
} as const satisfies Record<string, ErrorEntry>;
