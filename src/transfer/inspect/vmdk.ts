import type { FileRange, StoredImage } from '../disk.ts';
import { maxDescriptorBytes, maxVirtualBytes, sectorBytes } from './bounds.ts';
import { type Bytes, fileRangeOf, openBytes } from './bytes.ts';
import { findMagic, foundNames } from './magic.ts';
import { inspectRaw } from './raw.ts';
import { refuse } from './refuse.ts';
import { type DescribedExtent, type Descriptor, parseDescriptor } from './vmdk-descriptor.ts';
import { readSparseHeader, type SparseHeader } from './vmdk-sparse.ts';
import { checkWhole } from './vmdk-whole.ts';

/** Where all bytes of a VMDK are; what the reader opens. Parts follow each other on the disk. */
export type VmdkLayout = {
  readonly subformat: string;
  readonly sizeBytes: number;
  readonly parts: readonly VmdkPart[];
};

export type VmdkPart =
  | { readonly kind: 'zero'; readonly sizeBytes: number }
  | { readonly kind: 'flat'; readonly sizeBytes: number; readonly range: FileRange }
  | { readonly kind: 'sparse'; readonly sizeBytes: number; readonly range: FileRange; readonly header: SparseHeader };

const flatTypes = [
  'monolithicflat',
  'twogbmaxextentflat',
  'vmfs',
  'vmfsthin',
  'vmfspreallocated',
  'vmfseagerzeroedthick',
];
const sparseTypes = ['monolithicsparse', 'twogbmaxextentsparse', 'streamoptimized'];

/** @throws image.* when the image is not a VMDK, not whole, or refers to anything but files of its own source. */
export async function inspectVmdk(image: StoredImage, bytes: Bytes, signal: AbortSignal): Promise<VmdkLayout> {
  const range = fileRangeOf(image);
  const found = await findMagic(bytes, signal);
  if (found === 'vmdk-sparse') {
    const header = await readSparseHeader(bytes, image, signal);
    const subformat = await inspectEmbedded(image, bytes, header, signal);
    await checkWhole(bytes, header, image, signal);
    const sizeBytes = header.capacityBytes;
    return { subformat, sizeBytes, parts: [{ kind: 'sparse', sizeBytes, range, header }] };
  }
  if (found === 'vmdk-descriptor') {
    const descriptor = parseDescriptor(await readText(image, bytes, 0, bytes.lengthBytes, signal), image);
    return layOut(image, descriptor, signal);
  }
  if (found === 'vmdk-cowd') throw refuse(image, 'image.unsupported', { detail: foundNames[found] });
  if (found === 'unknown' && (await looksFlat(image, bytes, signal))) {
    const sizeBytes = await inspectRaw(bytes, image, signal);
    return { subformat: 'flat', sizeBytes, parts: [{ kind: 'flat', sizeBytes, range }] };
  }
  throw refuse(image, 'image.format_mismatch', { declared: 'vmdk', found: foundNames[found] });
}

/**
 * The data file of a flat VMDK has no header. It is taken for one when its name says so, or when it begins like a disk: any
 * other file may be damaged or compressed, and its bytes would be a broken disk.
 */
async function looksFlat(image: StoredImage, bytes: Bytes, signal: AbortSignal): Promise<boolean> {
  if ([image.path, image.disk].some((name) => /-(?:flat|f[0-9]{3})\.vmdk$/i.test(name))) return true;
  if (bytes.lengthBytes < 2 * sectorBytes) return false;
  const head = await bytes.read(0, 2 * sectorBytes, signal);
  return head.readUInt16BE(510) === 0x55aa || head.toString('latin1', 512, 520) === 'EFI PART';
}

async function readText(
  image: StoredImage,
  bytes: Bytes,
  offset: number,
  length: number,
  signal: AbortSignal,
): Promise<string> {
  if (length > maxDescriptorBytes) {
    throw refuse(image, 'image.absurd_size', { detail: `a VMDK descriptor of ${length} bytes` });
  }
  const text = (await bytes.read(offset, length, signal)).toString('utf8').replace(/^\ufeff/, '');
  const end = text.indexOf('\0');
  return end === -1 ? text : text.slice(0, end);
}

/** Its only extent must be the file it stands in. Names are never followed, but others would follow them: refused. */
export async function inspectEmbedded(
  image: StoredImage,
  bytes: Bytes,
  header: SparseHeader,
  signal: AbortSignal,
): Promise<string> {
  const kind = header.compressed ? 'streamOptimized' : 'monolithicSparse';
  const { offset, length } = header.descriptor;
  if (offset === 0 || length === 0) return kind;
  const descriptor = parseDescriptor(await readText(image, bytes, offset, length, signal), image);
  const [extent, more] = descriptor.extents;
  if (extent !== undefined && (extent.kind !== 'sparse' || more !== undefined)) {
    throw refuse(image, 'image.foreign_extent', { reference: `${(more ?? extent).kind} ${(more ?? extent).file}` });
  }
  return kind;
}

async function layOut(image: StoredImage, descriptor: Descriptor, signal: AbortSignal): Promise<VmdkLayout> {
  const type = descriptor.createType.toLowerCase();
  if (!flatTypes.includes(type) && !sparseTypes.includes(type)) {
    throw refuse(image, 'image.unsupported', { detail: `VMDK of type "${descriptor.createType.slice(0, 40)}"` });
  }
  if (descriptor.extents.length === 0)
    throw refuse(image, 'image.corrupt', { detail: 'its descriptor has no extents' });
  const parts: VmdkPart[] = [];
  let sizeBytes = 0;
  for (const extent of descriptor.extents) {
    parts.push(await placeExtent(image, extent, signal));
    sizeBytes += extent.sizeBytes;
  }
  if (sizeBytes > maxVirtualBytes) {
    throw refuse(image, 'image.absurd_size', { detail: `a virtual disk of ${sizeBytes} bytes` });
  }
  return { subformat: descriptor.createType, sizeBytes, parts };
}

async function placeExtent(image: StoredImage, extent: DescribedExtent, signal: AbortSignal): Promise<VmdkPart> {
  const { sizeBytes } = extent;
  if (extent.kind === 'zero') return { kind: 'zero', sizeBytes };
  const range = image.sibling(extent.file);
  if (range === null) throw refuse(image, 'image.extent_missing', { reference: extent.file });
  const bytes = await openBytes(range, image);
  try {
    if (extent.kind === 'flat') {
      if (extent.offset + sizeBytes > range.lengthBytes) {
        throw refuse(image, 'image.truncated', {
          detail: `${extent.file} has ${range.lengthBytes} bytes, but ${extent.offset + sizeBytes} are needed`,
        });
      }
      const offset = range.offset + extent.offset;
      return { kind: 'flat', sizeBytes, range: { ...range, offset, lengthBytes: sizeBytes } };
    }
    const found = await findMagic(bytes, signal);
    if (found !== 'vmdk-sparse') {
      throw refuse(image, 'image.corrupt', { detail: `${extent.file} is ${foundNames[found]}, not a sparse extent` });
    }
    const header = await readSparseHeader(bytes, image, signal);
    await inspectEmbedded(image, bytes, header, signal);
    await checkWhole(bytes, header, image, signal);
    // The last grain of an extent may reach past the disk; nothing may be missing.
    if (header.capacityBytes < sizeBytes) {
      throw refuse(image, 'image.corrupt', { detail: `${extent.file} is smaller than the descriptor says` });
    }
    return { kind: 'sparse', sizeBytes, range, header };
  } finally {
    await bytes.close();
  }
}
