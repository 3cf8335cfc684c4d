import type { ErrorEntry } from '../errors.ts';

/** Disk images as they come from outside. `detail` and `reference` hold what was found, shortened to what is printable. */
export const imageErrors = {
  'image.unreadable': {
    status: 422,
    message: 'The image of disk {disk} of {vm} cannot be read: {path} (as user {user}[ on host {host}])',
    next: 'Check that the file exists[ on {host}] and that user {user} may read it and search its directories.',
    elsewhere: true,
  },
  'image.truncated': {
    status: 422,
    message: 'The image of disk {disk} of {vm} is not complete: {detail}',
    next: 'Copy or export it again, and compare its size and checksum with the original.',
  },
  'image.corrupt': {
    status: 422,
    message: 'The image of disk {disk} of {vm} is damaged: {detail}',
    next: 'Copy or export it again. If the original is damaged too, repair it with the tools of the system it comes from.',
  },
  'image.format_mismatch': {
    status: 422,
    message: 'The image of disk {disk} of {vm} is declared as {declared}, but it is {found}',
    next: 'Declare its real format if you trust where it comes from. An image that hides its format may be an attack.',
  },
  'image.backing_file': {
    status: 422,
    message:
      'The image of disk {disk} of {vm} is only a layer over another image ({reference}); that is never followed',
    next: 'Merge its layers into one image where it comes from (delete or consolidate snapshots, or `qemu-img convert` it there), and use that.',
  },
  'image.data_file': {
    status: 422,
    message: 'The image of disk {disk} of {vm} keeps its data in another file ({reference}); that is never followed',
    next: 'Convert it to one self-contained image where it comes from (`qemu-img convert -O qcow2`), and use that.',
  },
  'image.foreign_extent': {
    status: 422,
    message: 'The image of disk {disk} of {vm} names something outside its source: {reference}; that is never opened',
    next: 'If you trust where it comes from, export it again as one file (streamOptimized or monolithicSparse). Otherwise do not use it.',
  },
  'image.extent_missing': {
    status: 422,
    message: 'Disk {disk} of {vm} is stored in several files, and {reference} is not there',
    next: 'Put all its files in the same directory or archive, under the names that the descriptor gives them.',
  },
  'image.absurd_size': {
    status: 422,
    message: 'The image of disk {disk} of {vm} claims sizes that cannot be: {detail}',
    next: 'Export it again. If it comes from somebody you do not know, do not use it: images like this are made to exhaust memory.',
  },
  'image.unsupported': {
    status: 422,
    message: 'The image of disk {disk} of {vm} is of a kind that cannot be read: {detail}',
    next: 'Export it again as OVA, or convert it where it comes from to a VMDK (streamOptimized, monolithicSparse, flat), qcow2, raw, VHD or VHDX image.',
  },
  'image.unknown_feature': {
    status: 422,
    message: 'The image of disk {disk} of {vm} needs a feature that is not known here: {detail}',
    next: 'Convert it where it comes from to an image without that feature (for qcow2: `qemu-img convert -O qcow2`).',
  },
  'image.encrypted': {
    status: 422,
    message: 'The image of disk {disk} of {vm} is encrypted ({detail})',
    next: 'Decrypt it where it comes from; encryption inside the guest (LUKS, BitLocker) is no obstacle, that of the image is.',
  },
  'image.unclean': {
    status: 422,
    message: 'The image of disk {disk} of {vm} was not closed properly: {detail}',
    next: 'Open it once for writing where it comes from (attach and detach it, or start and shut down the VM), then try again.',
  },
  'image.gzip_bomb': {
    status: 422,
    message: 'The compressed image of disk {disk} of {vm} unpacks to more than the disk can hold: {detail}',
    next: 'Compare the size that its description gives with the real one. If it comes from somebody you do not know, do not use it.',
  },
  'image.gzip_format': {
    status: 422,
    message: 'The image of disk {disk} of {vm} is compressed by gzip as a whole and cannot be read in order: {detail}',
    next: 'Unpack it with `gunzip` first, and import it unpacked.',
  },
} as const satisfies Record<string, ErrorEntry>;
