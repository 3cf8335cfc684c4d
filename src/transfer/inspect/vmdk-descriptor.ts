import { maxVirtualBytes, maxVmdkExtents, sectorBytes } from './bounds.ts';
import { type Owner, refuse, shown } from './refuse.ts';

/** One line of a VMDK's extent description. */
export type DescribedExtent = {
  readonly kind: 'flat' | 'sparse' | 'zero';
  readonly sizeBytes: number;
  /** Empty for `zero`. Certain to be a bare file name. */
  readonly file: string;
  /** Where in the file a flat extent begins. */
  readonly offset: number;
};

export type Descriptor = { readonly createType: string; readonly extents: readonly DescribedExtent[] };

const extentLine = /^(RW|RDONLY|NOACCESS)\s+([0-9]{1,19})\s+([A-Z0-9]+)(?:\s+"([^"]*)")?(?:\s+([0-9]{1,19}))?\s*(.*)$/i;

/** What VMware can make but nobody can read without ESXi or the devices it points to. */
const outside: ReadonlySet<string> = new Set([
  'fulldevice',
  'partitioneddevice',
  'vmfsraw',
  'vmfsrdm',
  'vmfsrdmp',
  'vmfsrawdevicemap',
  'vmfspassthroughrawdevicemap',
]);

/**
 * Reads the text of a VMDK descriptor ("Virtual Disk Format 5.0", The Descriptor File).
 * @throws image.backing_file for a child of another disk, image.foreign_extent for an extent that is not a bare file name
 */
export function parseDescriptor(text: string, owner: Owner): Descriptor {
  let createType = '';
  const extents: DescribedExtent[] = [];
  for (const line of text.split(/\r\n|[\r\n]/)) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const extent = extentLine.exec(trimmed);
    if (extent !== null) {
      if (extents.length >= maxVmdkExtents) {
        throw refuse(owner, 'image.absurd_size', { detail: `more than ${maxVmdkExtents} VMDK extents` });
      }
      extents.push(readExtent(extent, owner));
      continue;
    }
    const setting = /^([^=]+?)\s*=\s*(.*)$/.exec(trimmed);
    // A line that is neither may be an extent to somebody else's parser.
    if (setting === null) throw refuse(owner, 'image.corrupt', { detail: `VMDK descriptor line "${shown(trimmed)}"` });
    const name = (setting[1] ?? '').toLowerCase();
    const value = (setting[2] ?? '').replaceAll('"', '').trim();
    if (name === 'createtype') createType = value;
    if (name === 'parentfilenamehint') throw refuse(owner, 'image.backing_file', { reference: shown(value) });
    if (name === 'parentcid' && !/^f{8}$/i.test(value)) {
      throw refuse(owner, 'image.backing_file', { reference: `the disk with content id ${shown(value)}` });
    }
  }
  if (outside.has(createType.toLowerCase())) {
    throw refuse(owner, 'image.foreign_extent', { reference: `a device (${shown(createType)})` });
  }
  return { createType, extents };
}

function readExtent(match: RegExpExecArray, owner: Owner): DescribedExtent {
  const [, access = '', sectors = '', type = '', file, offset = '0', rest = ''] = match;
  const kind = type.toUpperCase();
  const name = file ?? '';
  if (kind !== 'ZERO' || name !== '') checkName(name, owner);
  if (outside.has(kind.toLowerCase())) {
    throw refuse(owner, 'image.foreign_extent', { reference: `a device (${kind} ${shown(name)})` });
  }
  // Device identifiers follow the offset of partitioned disks.
  if (rest !== '') throw refuse(owner, 'image.foreign_extent', { reference: shown(`${name} ${rest}`) });
  if (access.toUpperCase() === 'NOACCESS') {
    throw refuse(owner, 'image.unsupported', { detail: `VMDK extent ${shown(name)} is marked NOACCESS` });
  }
  const sizeBytes = Number(sectors) * sectorBytes;
  const offsetBytes = Number(offset) * sectorBytes;
  if (sizeBytes === 0 || sizeBytes > maxVirtualBytes || offsetBytes > maxVirtualBytes) {
    throw refuse(owner, 'image.absurd_size', { detail: `a VMDK extent of ${sectors} sectors at ${offset}` });
  }
  switch (kind) {
    case 'FLAT':
    case 'VMFS':
      return { kind: 'flat', sizeBytes, file: name, offset: offsetBytes };
    case 'SPARSE':
      return { kind: 'sparse', sizeBytes, file: name, offset: 0 };
    case 'ZERO':
      return { kind: 'zero', sizeBytes, file: '', offset: 0 };
    default:
      throw refuse(owner, 'image.unsupported', { detail: `VMDK extent of type ${shown(kind)}` });
  }
}

/** Only what can be the name of a file beside the descriptor: no path, no device, no URL, no `json:`, no drive. */
function checkName(name: string, owner: Owner): void {
  const bare = /^[^/\\\p{Cc}]+$/u.test(name) && name !== '.' && name !== '..' && !/^[a-z][a-z0-9+.-]*:/i.test(name);
  if (!bare) throw refuse(owner, 'image.foreign_extent', { reference: shown(name) || 'an extent without a name' });
}
