import { sectorBytes } from './bounds.ts';
import type { Bytes } from './bytes.ts';
import { type Owner, refuse } from './refuse.ts';
import { entriesPerTable, type SparseHeader } from './vmdk-sparse.ts';

/** Tables of a disk of 128 GiB: 8 MiB to read. Larger ones are not looked at; there a missing grain shows when it is read. */
const maxTables = 4096;
const atOnce = 32;

/**
 * Looks whether all grains lie within the file, so that a copy that broke off is found before anything is started. A stream
 * ends with a footer, which proves the same.
 * @throws image.truncated
 */
export async function checkWhole(bytes: Bytes, header: SparseHeader, owner: Owner, signal: AbortSignal): Promise<void> {
  if (header.streamed || header.directoryEntries > maxTables) return;
  const directory = await bytes.read(header.directoryOffset, header.directoryEntries * 4, signal);
  const check = async (index: number): Promise<void> => {
    const sector = directory.readUInt32LE(index * 4);
    if (sector === 0) return;
    const table = await bytes.read(sector * sectorBytes, entriesPerTable * 4, signal);
    for (let entry = 0; entry < entriesPerTable; entry++) {
      const place = table.readUInt32LE(entry * 4) * sectorBytes;
      const start = (index * entriesPerTable + entry) * header.grainBytes;
      if (place === 0 || start >= header.capacityBytes) continue;
      const least = header.compressed ? sectorBytes : Math.min(header.grainBytes, header.capacityBytes - start);
      if (place + least > bytes.lengthBytes) {
        throw refuse(owner, 'image.truncated', {
          detail: `it ends at ${bytes.lengthBytes}, but what is at ${start} on the disk is stored at ${place}`,
        });
      }
    }
  };
  for (let first = 0; first < header.directoryEntries; first += atOnce) {
    const count = Math.min(atOnce, header.directoryEntries - first);
    await Promise.all(Array.from({ length: count }, (_, index) => check(first + index)));
  }
}
