import type { FileRange, ImageFacts, StoredImage } from '../disk.ts';
import { type Bytes, fileRangeOf, openBytes } from './bytes.ts';
import { inspectGzip } from './gzip.ts';
import { inspectQcow2 } from './qcow2.ts';
import { inspectRaw } from './raw.ts';
import { inspectVhd } from './vhd.ts';
import { inspectVhdx } from './vhdx.ts';
import { inspectVmdk, type VmdkLayout } from './vmdk.ts';
import type { SparseHeader } from './vmdk-sparse.ts';

/** What is in an image, and how its bytes are reached. */
export type Inspection = { readonly facts: ImageFacts; readonly content: Content };

export type Content =
  | { readonly kind: 'range'; readonly range: FileRange }
  | { readonly kind: 'vmdk'; readonly layout: VmdkLayout }
  /** Left to qemu-nbd, by this driver and no other. */
  | { readonly kind: 'qemu'; readonly format: 'qcow2' | 'vhd' | 'vhdx' }
  | { readonly kind: 'gzip-raw' }
  | { readonly kind: 'gzip-vmdk'; readonly header: SparseHeader };

/**
 * Looks at an image before anything else does: bounded reads, no program, nothing that it names is opened but files of its
 * own source (`sibling`). What passes is of the declared format, whole as far as its tables say, and refers to nothing.
 * @throws image.*
 */
export async function inspectImage(image: StoredImage, signal: AbortSignal): Promise<Inspection> {
  signal.throwIfAborted();
  if (image.gzip) return inspectGzip(image, signal);
  const range = fileRangeOf(image);
  const bytes = await openBytes(range, image);
  try {
    const { content, subformat, sizeBytes } = await look(image, range, bytes, signal);
    return { facts: { format: image.format, subformat, virtualSizeBytes: sizeBytes }, content };
  } finally {
    await bytes.close();
  }
}

type Look = { readonly content: Content; readonly subformat: string; readonly sizeBytes: number };

async function look(image: StoredImage, range: FileRange, bytes: Bytes, signal: AbortSignal): Promise<Look> {
  const { format } = image;
  if (format === 'vmdk') {
    const layout = await inspectVmdk(image, bytes, signal);
    return { content: { kind: 'vmdk', layout }, subformat: layout.subformat, sizeBytes: layout.sizeBytes };
  }
  if (format === 'raw') {
    return { content: { kind: 'range', range }, subformat: '', sizeBytes: await inspectRaw(bytes, image, signal) };
  }
  if (format === 'vhd') {
    const { kind, sizeBytes } = await inspectVhd(bytes, image, signal);
    // A fixed one is a raw disk with a footer.
    const content: Content =
      kind === 'fixed' ? { kind: 'range', range: { ...range, lengthBytes: sizeBytes } } : { kind: 'qemu', format };
    return { content, subformat: kind, sizeBytes };
  }
  const inspect = format === 'qcow2' ? inspectQcow2 : inspectVhdx;
  return { content: { kind: 'qemu', format }, subformat: '', sizeBytes: await inspect(bytes, image, signal) };
}
