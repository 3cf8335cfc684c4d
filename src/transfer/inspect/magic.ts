import type { Bytes } from './bytes.ts';

/** What an image is by its own bytes, whatever its name or its description say. `unknown`: no container we know of. */
export type Found =
  | 'qcow2'
  | 'qcow'
  | 'qed'
  | 'vmdk-sparse'
  | 'vmdk-descriptor'
  | 'vmdk-cowd'
  | 'vhd'
  | 'vhdx'
  | 'vdi'
  | 'parallels'
  | 'compressed'
  | 'unknown';

/** For people. */
export const foundNames: Readonly<Record<Found, string>> = {
  qcow2: 'a qcow2 image',
  qcow: 'a qcow image of version 1',
  qed: 'a QED image',
  'vmdk-sparse': 'a VMDK image',
  'vmdk-descriptor': 'a VMDK descriptor',
  'vmdk-cowd': 'a VMDK of the ESX copy-on-write kind (COWD)',
  vhd: 'a VHD image',
  vhdx: 'a VHDX image',
  vdi: 'a VirtualBox VDI image',
  parallels: 'a Parallels image',
  compressed: 'a compressed file',
  unknown: 'no disk image format that is known here',
};

const starts: readonly { readonly found: Found; readonly at: number; readonly bytes: Buffer }[] = [
  { found: 'qed', at: 0, bytes: Buffer.from('QED\0', 'latin1') },
  { found: 'vmdk-sparse', at: 0, bytes: Buffer.from('KDMV', 'latin1') },
  { found: 'vmdk-cowd', at: 0, bytes: Buffer.from('COWD', 'latin1') },
  { found: 'vhdx', at: 0, bytes: Buffer.from('vhdxfile', 'latin1') },
  { found: 'vhd', at: 0, bytes: Buffer.from('conectix', 'latin1') },
  { found: 'vdi', at: 0x40, bytes: Buffer.from([0x7f, 0x10, 0xda, 0xbe]) },
  { found: 'parallels', at: 0, bytes: Buffer.from('WithoutFreeSpace', 'latin1') },
  { found: 'parallels', at: 0, bytes: Buffer.from('WithouFreSpacExt', 'latin1') },
  { found: 'compressed', at: 0, bytes: Buffer.from([0x1f, 0x8b, 0x08]) },
  { found: 'compressed', at: 0, bytes: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) },
  { found: 'compressed', at: 0, bytes: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
  { found: 'compressed', at: 0, bytes: Buffer.from([0x50, 0x4b, 0x03, 0x04]) },
  { found: 'compressed', at: 0, bytes: Buffer.from('7z\xbc\xaf\x27\x1c', 'latin1') },
];

/** Enough for every magic, and for the comments that may stand before a VMDK descriptor's first line. */
export const headLength = 1024;

/** Looks at the first bytes only: a fixed VHD, whose mark is its last sector, is found by `readVhdFooter`. */
export async function findMagic(bytes: Bytes, signal: AbortSignal): Promise<Found> {
  const head = await bytes.read(0, Math.min(headLength, bytes.lengthBytes), signal);
  return magicOf(head);
}

export function magicOf(head: Buffer): Found {
  if (head.length >= 8 && head.toString('latin1', 0, 4) === 'QFI\xfb') {
    return head.readUInt32BE(4) === 1 ? 'qcow' : 'qcow2';
  }
  for (const { found, at, bytes } of starts) {
    if (head.subarray(at, at + bytes.length).equals(bytes)) return found;
  }
  return startsDescriptor(head) ? 'vmdk-descriptor' : 'unknown';
}

/**
 * VMware writes `# Disk DescriptorFile` first. QEMU also takes a file for a descriptor when comments and empty lines are
 * followed by `version=1` to `3`: whoever looks for attacks must find that too.
 */
function startsDescriptor(head: Buffer): boolean {
  const text = head.toString('latin1').replace(/^\xef\xbb\xbf/, '');
  if (/^\s*#\s*disk descriptorfile/i.test(text)) return true;
  return /^(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*version[ \t]*=[ \t]*[0-9]/i.test(text);
}
