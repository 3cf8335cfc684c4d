import type { Disk, Extent, FileRange, Range } from '../disk.ts';
import { openBytes } from '../inspect/bytes.ts';
import type { Owner } from '../inspect/refuse.ts';
import { entriesPerTable, type SparseHeader } from '../inspect/vmdk-sparse.ts';
import { allDone, compressedReader } from './compressed.ts';
import { grainHeaderBytes, maxCompressedBytes } from './inflate.ts';
import { addCompressed, addStored, type CompressedRun, type StoredRun } from './runs.ts';
import { type GrainTable, openTables } from './tables.ts';

/**
 * A hosted sparse extent as a disk: monolithicSparse, a part of a twoGbMaxExtentSparse, or streamOptimized. Grain tables
 * are read when they are needed. Reads may overlap as much as the caller likes; each starts all it needs at once.
 */
export async function openSparse(
  range: FileRange,
  header: SparseHeader,
  sizeBytes: number,
  owner: Owner,
  signal: AbortSignal,
): Promise<Disk> {
  const { grainBytes } = header;
  const tableBytes = grainBytes * entriesPerTable;
  const bytes = await openBytes(range, owner);
  const tables = await openTables(bytes, header, owner, signal).catch(async (error: unknown) => {
    await bytes.close();
    throw error;
  });
  const compressedGrains = compressedReader(bytes, header, owner);
  const maxStored = maxCompressedBytes(grainBytes) + grainHeaderBytes;

  const grainOf = (offset: number): number => Math.floor((offset % tableBytes) / grainBytes);

  /** Where the data of a compressed grain ends at the latest: at the next one that is stored behind it. */
  const latestEnd = (table: GrainTable, grain: number, offset: number): number => {
    const most = Math.min(offset + maxStored, bytes.lengthBytes);
    for (let next = grain + 1; next < entriesPerTable; next++) {
      const follower = table.at(next);
      if (follower > offset) return Math.min(follower, most);
    }
    return most;
  };

  const readInto = async (offset: number, result: Buffer, during: AbortSignal): Promise<void> => {
    const stored: StoredRun[] = [];
    const compressed: CompressedRun[] = [];
    const readEnd = offset + result.length;
    for (let at = offset; at < readEnd; ) {
      const number = Math.floor(at / tableBytes);
      const end = Math.min(readEnd, (number + 1) * tableBytes);
      const table = await tables.table(number, during);
      if (table === null) {
        result.fill(0, at - offset, end - offset);
        at = end;
        continue;
      }
      while (at < end) {
        const grain = grainOf(at);
        const first = at - (at % grainBytes);
        const next = Math.min(end, first + grainBytes);
        const from = table.at(grain);
        if (from === 0) result.fill(0, at - offset, next - offset);
        else if (header.compressed) {
          addCompressed(compressed, { offset: from, start: first }, latestEnd(table, grain, from), maxStored);
        } else addStored(stored, from + (at - first), next - at, at - offset);
        at = next;
      }
    }
    await allDone([
      ...stored.map((run) => bytes.readInto(result.subarray(run.into, run.into + run.length), run.offset, during)),
      ...compressed.map((run) => compressedGrains.read(run, result, offset, during)),
    ]);
  };
  const read = async (offset: number, length: number, during: AbortSignal): Promise<Buffer> => {
    const result = Buffer.allocUnsafeSlow(length);
    await readInto(offset, result, during);
    return result;
  };

  /** One extent ends where a table with data does, so that a full disk of many TiB does not wait for its last table. */
  async function* extents(wanted: Range, during: AbortSignal): AsyncGenerator<Extent> {
    const wantedEnd = wanted.offset + wanted.length;
    let kind: Extent['kind'] = 'zero';
    let from = wanted.offset;
    for (let at = wanted.offset; at < wantedEnd; ) {
      const number = Math.floor(at / tableBytes);
      const end = Math.min(wantedEnd, (number + 1) * tableBytes);
      const table = await tables.table(number, during);
      while (at < end) {
        const next = table === null ? end : Math.min(end, at - (at % grainBytes) + grainBytes);
        const here = table === null || table.at(grainOf(at)) === 0 ? 'zero' : 'data';
        if (here !== kind) {
          if (at > from) yield { offset: from, length: at - from, kind };
          [kind, from] = [here, at];
        }
        at = next;
      }
      if (kind === 'data') {
        yield { offset: from, length: end - from, kind };
        from = end;
      }
    }
    if (wantedEnd > from) yield { offset: from, length: wantedEnd - from, kind };
  }

  return {
    sizeBytes,
    access: 'random',
    extents,
    read,
    readInto,
    close: async () => {
      compressedGrains.close();
      await bytes.close();
    },
  };
}
