import type { Disk, ImageTools, StoredImage } from './disk.ts';
import { openFileRange } from './file.ts';
import { openGzipRaw, openGzipVmdk } from './gzip.ts';
import type { Place } from './inspect/bytes.ts';
import { type Inspection, inspectImage } from './inspect/inspect.ts';
import { refuse } from './inspect/refuse.ts';
import { openRawRange } from './nbd/sparse.ts';
import { openImage, openVolume } from './nbd/volume.ts';
import { openVmdk } from './vmdk/open.ts';

/** A map of holes costs a qemu-nbd for each file: not for VMDKs in more pieces than this. */
const mappedPieces = 4;

/** Inspecting and opening of stored images; see `ImageTools`. */
export function createImageTools(): ImageTools {
  return {
    inspect: async (image, signal) => (await inspectImage(image, signal)).facts,
    openStored: async (image, directory, signal) =>
      openInspected(image, await inspectImage(image, signal), directory, signal),
    openVolume,
  };
}

async function openInspected(
  image: StoredImage,
  { facts, content }: Inspection,
  directory: string,
  signal: AbortSignal,
): Promise<Disk> {
  const openRange = (place: Place) => openRawRange(place, directory, signal);
  if (content.kind === 'range') return openRange(content.place);
  if (content.kind === 'gzip-raw') return openGzipRaw(image, facts.virtualSizeBytes);
  if (content.kind === 'gzip-vmdk') return openGzipVmdk(image, content.header);
  if (content.kind === 'vmdk') {
    const few = content.layout.parts.length <= mappedPieces;
    return openVmdk(content.layout, image, few ? openRange : (place) => openFileRange(place, signal), signal);
  }
  const { path, offset, lengthBytes } = image;
  const disk = await openImage(
    { image: { path, format: content.format, part: { offset, lengthBytes } }, readOnly: true, directory },
    signal,
  );
  if (disk.sizeBytes === facts.virtualSizeBytes) return disk;
  await disk.close();
  // QEMU would take the size of some VHDs from their geometry, which cuts the end of the disk off.
  throw refuse(image, 'image.corrupt', {
    detail: `it says that the disk has ${facts.virtualSizeBytes} bytes, QEMU says ${disk.sizeBytes}`,
  });
}
