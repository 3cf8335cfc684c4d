import type { Disk, FileRange } from '../disk.ts';
import type { Owner } from '../inspect/refuse.ts';
import type { VmdkLayout, VmdkPart } from '../inspect/vmdk.ts';
import { joinDisks, zeroDisk } from './joined.ts';
import { openSparse } from './sparse.ts';

/** How a plain range of a file is opened as a disk. */
export type OpenRange = (range: FileRange) => Promise<Disk>;

/**
 * Opens a VMDK that the inspector passed.
 * @throws image.unreadable, image.truncated when its files are no longer what they were then
 */
export async function openVmdk(
  layout: VmdkLayout,
  owner: Owner,
  openRange: OpenRange,
  signal: AbortSignal,
): Promise<Disk> {
  const disks: Disk[] = [];
  try {
    for (const part of layout.parts) disks.push(await openPart(part, owner, openRange, signal));
  } catch (error) {
    await Promise.allSettled(disks.map((disk) => disk.close()));
    throw error;
  }
  return joinDisks(disks);
}

async function openPart(part: VmdkPart, owner: Owner, openRange: OpenRange, signal: AbortSignal): Promise<Disk> {
  if (part.kind === 'zero') return zeroDisk(part.sizeBytes);
  if (part.kind === 'flat') return openRange({ ...part.range, lengthBytes: part.sizeBytes });
  return openSparse(part.range, part.header, part.sizeBytes, owner, signal);
}
