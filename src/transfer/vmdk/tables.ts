import type { Bytes } from '../inspect/bytes.ts';
import { type Owner, refuse } from '../inspect/refuse.ts';
import { entriesPerTable, type SparseHeader } from '../inspect/vmdk-sparse.ts';

/** One grain table: where 512 grains are stored. */
export type GrainTable = {
  /** Offset of a grain in the file; 0 when it reads as zeros. */
  at(index: number): number;
};

export type GrainTables = {
  /** Null when none of the table's grains is stored. */
  table(index: number, signal: AbortSignal): Promise<GrainTable | null>;
};

/** Tables kept in memory: 2 KiB each, which is 64 GiB of disk in 4 MiB. */
const keptTables = 2048;

/** Reads the grain directory, and grain tables when they are needed. */
export async function openTables(
  bytes: Bytes,
  header: SparseHeader,
  owner: Owner,
  signal: AbortSignal,
): Promise<GrainTables> {
  const directory = await bytes.read(header.directoryOffset, header.directoryEntries * 4, signal);
  const kept = new Map<number, Promise<GrainTable>>();
  // Shared by all who wait for the same table: it must not end with the one who asked first.
  const never = new AbortController().signal;

  const load = async (offset: number): Promise<GrainTable> => {
    const entries = await bytes.read(offset, entriesPerTable * 4, never);
    return {
      at: (index) => {
        const sector = entries.readUInt32LE(index * 4);
        if (sector === 0 || (sector === 1 && header.zeroGrains)) return 0;
        const place = sector * 512;
        if (place < header.overheadBytes && header.compressed) {
          throw refuse(owner, 'image.corrupt', { detail: `a grain is said to be at ${place}, inside the header` });
        }
        if (place >= bytes.lengthBytes) {
          throw refuse(owner, 'image.truncated', {
            detail: `a grain is stored at ${place}, past its end at ${bytes.lengthBytes}`,
          });
        }
        return place;
      },
    };
  };
  return {
    table: async (index, callSignal) => {
      const sector = directory.readUInt32LE(index * 4);
      if (sector === 0) return null;
      const known = kept.get(index);
      const wanted = known ?? load(sector * 512);
      if (known !== undefined) kept.delete(index);
      kept.set(index, wanted); // the youngest is the last
      const oldest = kept.size > keptTables ? kept.keys().next().value : undefined;
      if (oldest !== undefined) kept.delete(oldest);
      try {
        return await wanted;
      } catch (error) {
        kept.delete(index);
        throw error;
      } finally {
        callSignal.throwIfAborted();
      }
    },
  };
}
