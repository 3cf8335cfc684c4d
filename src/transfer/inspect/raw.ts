import { maxVirtualBytes, sectorBytes } from './bounds.ts';
import type { Bytes } from './bytes.ts';
import { findMagic, foundNames } from './magic.ts';
import { type Owner, refuse } from './refuse.ts';
import { readVhdFooter } from './vhd.ts';

/**
 * A raw image may begin with anything that a guest can write: partition tables, LUKS, an ISO file system. It may not be
 * another container: a tool that guesses would follow the references in it, and a guest can write such a header itself.
 *
 * The end counts too: a valid VHD footer that describes exactly the bytes before it is a fixed VHD, which read as raw
 * would be one sector too long. The word `conectix` alone is data.
 * @returns the size in bytes
 */
export async function inspectRaw(bytes: Bytes, owner: Owner, signal: AbortSignal): Promise<number> {
  const found = await findMagic(bytes, signal);
  if (found !== 'unknown') {
    throw refuse(owner, 'image.format_mismatch', { declared: 'raw', found: foundNames[found] });
  }
  const size = bytes.lengthBytes;
  if (size === 0) throw refuse(owner, 'image.truncated', { detail: 'it is empty' });
  if (size % sectorBytes !== 0) {
    throw refuse(owner, 'image.truncated', { detail: `its ${size} bytes end in the middle of a sector` });
  }
  if (size > maxVirtualBytes) throw refuse(owner, 'image.absurd_size', { detail: `${size} bytes` });
  const footer = await readVhdFooter(bytes, signal);
  if (footer?.kind === 'fixed' && footer.currentSizeBytes === size - sectorBytes) {
    throw refuse(owner, 'image.format_mismatch', { declared: 'raw', found: 'a fixed VHD image' });
  }
  return size;
}
