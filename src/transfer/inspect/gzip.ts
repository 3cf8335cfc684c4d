import type { StoredImage } from '../disk.ts';
import { gzipHeadBytes, maxVirtualBytes, sectorBytes } from './bounds.ts';
import { headBytes } from './bytes.ts';
import { type Inflow, openInflow } from './inflow.ts';
import type { Inspection } from './inspect.ts';
import { findMagic, foundNames } from './magic.ts';
import { refuse } from './refuse.ts';
import { inspectEmbedded } from './vmdk.ts';
import { parseSparseHeader } from './vmdk-sparse.ts';

/**
 * A gzip'd member can only be read in order: that suits raw disks and stream-optimized VMDKs. A raw disk's size is the one
 * that its description declares; where there is none, one pass counts, and what it unpacks to is bounded all the same.
 * @throws image.gzip_format for what needs random reads
 */
export async function inspectGzip(image: StoredImage, signal: AbortSignal): Promise<Inspection> {
  if (image.format !== 'raw' && image.format !== 'vmdk') {
    throw refuse(image, 'image.gzip_format', { detail: `${image.format} images are read at random` });
  }
  const inflow = await openInflow(image, maxVirtualBytes);
  try {
    const bytes = headBytes(await inflow.take(gzipHeadBytes, signal), image);
    const found = await findMagic(bytes, signal);
    if (image.format === 'raw' && found === 'unknown') {
      const size = image.declaredSizeBytes ?? (await count(inflow, signal));
      checkRawSize(image, size);
      return {
        facts: { format: 'raw', subformat: 'gzip', virtualSizeBytes: size },
        content: { kind: 'gzip-raw' },
      };
    }
    if (image.format === 'vmdk' && found === 'vmdk-sparse') {
      const header = parseSparseHeader(await bytes.read(0, sectorBytes, signal), image);
      if (!header.compressed)
        throw refuse(image, 'image.gzip_format', { detail: 'a sparse VMDK has its blocks anywhere' });
      if (header.overheadBytes < sectorBytes || header.overheadBytes > maxVirtualBytes) {
        throw refuse(image, 'image.corrupt', { detail: 'its VMDK header does not say where the grains begin' });
      }
      const subformat = await inspectEmbedded(image, bytes, header, signal);
      return {
        facts: { format: 'vmdk', subformat, virtualSizeBytes: header.capacityBytes },
        content: { kind: 'gzip-vmdk', header },
      };
    }
    if (found === 'vmdk-descriptor') throw refuse(image, 'image.gzip_format', { detail: foundNames[found] });
    throw refuse(image, 'image.format_mismatch', {
      declared: `${image.format}, compressed by gzip`,
      found: foundNames[found],
    });
  } finally {
    await inflow.close();
  }
}

async function count(inflow: Inflow, signal: AbortSignal): Promise<number> {
  await inflow.skip(maxVirtualBytes, signal);
  return inflow.position;
}

function checkRawSize(image: StoredImage, size: number): void {
  if (size === 0) throw refuse(image, 'image.truncated', { detail: 'it is empty' });
  if (size > maxVirtualBytes) throw refuse(image, 'image.absurd_size', { detail: `${size} bytes` });
  if (size % sectorBytes !== 0) {
    throw refuse(image, 'image.truncated', { detail: `its ${size} bytes end in the middle of a sector` });
  }
}
