/**
 * Fills a qcow2 image that was made by `qemu-img create` and not written to since: data clusters one behind the other, by
 * O_DIRECT, without a socket and a second process in between. Killed at any time, the image opens, and `qemu-img check`
 * finds nothing but leaks, because of the order:
 *   1. space is *reserved*, a GiB at a time: its clusters are counted as used, the file is as long, both are durable;
 *   2. data is written into it;
 *   3. a flush writes the tables' entries of what has been written by then, and syncs.
 * So no entry ever refers to a cluster that is not counted or lies behind the file's end, and one sync is enough for a
 * flush. `finish` gives back what was reserved and not used.
 */
import type { FileHandle } from 'node:fs/promises';
import { alignBytes } from '../memory.ts';
import { type FreshLayout, clusterBytes, copiedFlag, countsPerBlock, tableEntries } from './fresh-layout.ts';

/** What is counted as used ahead of time: lost to the image, until it is checked, when it is killed. 1 GiB. */
const reserveClusters = 16 * 1024;

export type FreshImage = {
  /** Whole clusters from a page-aligned buffer. Rejects with the system's error. */
  write(offset: number, data: Buffer): Promise<void>;
  /** What was written before the call survives, also the kill of the machine. */
  flush(): Promise<void>;
  /**
   * Clusters `[from, end)` of the disk as they are entered by now, in order: runs that are one behind the other in the file from
   * `place` on, or are nowhere (0). An entry never changes.
   */
  places(
    from: number,
    end: number,
  ): Generator<{ readonly first: number; readonly count: number; readonly place: number }>;
  /** Flushes, and gives back what was reserved. Nothing may be under way; nothing may follow. */
  finish(): Promise<void>;
};

type Clusters = { readonly first: number; readonly count: number };
type Table = { readonly place: number; readonly entries: Buffer; dirty: boolean };

/** @param data opened with O_DIRECT, `tables` without; both of the same file. */
export function createFreshImage(layout: FreshLayout, data: FileHandle, tables: FileHandle): FreshImage {
  const l1 = Buffer.alloc(layout.l1Entries * 8);
  let l1Dirty = false;
  const l2 = new Map<number, Table>();
  const l2Made = new Map<number, Promise<Table>>();
  /** What a write that failed had taken. */
  const spare: Clusters[] = [];
  let next = layout.usedClusters;
  let reservedEnd = layout.usedClusters;
  let countBlock = { place: layout.firstCountBlock, first: 0, counts: Buffer.alloc(clusterBytes) };
  setCounts(countBlock.counts, 0, layout.usedClusters, 1);
  /** Reservations and flushes come one after the other. */
  let inTurn: Promise<unknown> = Promise.resolve();
  const afterOthers = <T>(work: () => Promise<T>): Promise<T> => {
    const done = inTurn.then(work);
    inTurn = done.catch(() => undefined);
    return done;
  };
  const putAll = async (bytes: Buffer, offset: number): Promise<void> => {
    for (let done = 0; done < bytes.length; ) {
      done += (await tables.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
    }
  };

  /** Called when all that was reserved is used. The block of the next counts stands in the last cluster of the one before. */
  const reserve = async (): Promise<void> => {
    const blockEnd = countBlock.first + countsPerBlock;
    if (reservedEnd === blockEnd - 1) {
      const counts = Buffer.alloc(clusterBytes);
      const place = reservedEnd * clusterBytes;
      setCounts(countBlock.counts, countsPerBlock - 1, countsPerBlock, 1);
      await putAll(countBlock.counts, countBlock.place);
      await putAll(counts, place);
      const entry = Buffer.alloc(8);
      entry.writeBigUInt64BE(BigInt(place));
      await putAll(entry, layout.countTableOffset + (blockEnd / countsPerBlock) * 8);
      countBlock = { place, first: blockEnd, counts };
      reservedEnd = blockEnd;
      next = blockEnd;
    }
    const stop = Math.min(reservedEnd + reserveClusters, countBlock.first + countsPerBlock - 1);
    setCounts(countBlock.counts, reservedEnd - countBlock.first, stop - countBlock.first, 1);
    await putAll(countBlock.counts, countBlock.place);
    await tables.truncate(stop * clusterBytes);
    await tables.datasync();
    reservedEnd = stop;
  };
  /** Clusters in a row for our use, at most `count`. */
  const take = async (count: number): Promise<Clusters> => {
    const again = spare.pop();
    if (again !== undefined) {
      if (again.count > count) spare.push({ first: again.first + count, count: again.count - count });
      return { first: again.first, count: Math.min(count, again.count) };
    }
    if (next >= reservedEnd) {
      await afterOthers(async () => (next >= reservedEnd ? reserve() : undefined));
      return take(count);
    }
    const taken = { first: next, count: Math.min(count, reservedEnd - next) };
    next += taken.count;
    return taken;
  };

  const entryOf = (guest: number): number => {
    const table = l2.get(Math.floor(guest / tableEntries));
    if (table === undefined) return 0;
    return Number(table.entries.readBigUInt64BE((guest % tableEntries) * 8) & ~copiedFlag);
  };
  const tableFor = (number: number): Promise<Table> => {
    const made = l2Made.get(number) ?? makeTable(number);
    l2Made.set(number, made);
    return made;
  };
  const makeTable = async (number: number): Promise<Table> => {
    try {
      const { first } = await take(1);
      const table = { place: first * clusterBytes, entries: Buffer.alloc(clusterBytes), dirty: true };
      l2.set(number, table);
      l1.writeBigUInt64BE(BigInt(table.place) | copiedFlag, number * 8);
      l1Dirty = true;
      return table;
    } catch (error) {
      l2Made.delete(number);
      throw error;
    }
  };
  const putData = async (bytes: Buffer, place: number): Promise<void> => {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await data.write(bytes, done, bytes.length - done, place + done);
      const pages = bytesWritten - (bytesWritten % alignBytes);
      // A file system that is filled up writes a part first and says so with the next request, which must be aligned too.
      if (pages === 0) throw Object.assign(new Error('no bytes could be written'), { code: 'ENOSPC' });
      done += pages;
    }
  };
  const enter = async (guest: number, count: number, place: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) {
      const at = guest + index;
      const number = Math.floor(at / tableEntries);
      const table = l2.get(number) ?? (await tableFor(number));
      table.entries.writeBigUInt64BE(BigInt(place + index * clusterBytes) | copiedFlag, (at % tableEntries) * 8);
      table.dirty = true;
    }
  };

  const flush = (): Promise<void> =>
    afterOthers(async () => {
      const dirty = [...l2.values()].filter((table) => table.dirty);
      // Copies: an entry that is set while the kernel reads the table must not get there by halves.
      const copies = dirty.map(({ place, entries }) => ({ place, entries: Buffer.from(entries) }));
      const first = l1Dirty ? Buffer.from(l1) : null;
      for (const table of dirty) table.dirty = false;
      l1Dirty = false;
      try {
        for (const { place, entries } of copies) await putAll(entries, place);
        if (first !== null) await putAll(first, layout.l1Offset);
        await tables.datasync();
      } catch (error) {
        for (const table of dirty) table.dirty = true;
        l1Dirty ||= first !== null;
        throw error;
      }
    });

  return {
    flush,
    async write(offset, bytes) {
      const end = (offset + bytes.length) / clusterBytes;
      for (let guest = offset / clusterBytes; guest < end; ) {
        const known = entryOf(guest);
        let count = 1;
        if (known !== 0) {
          while (guest + count < end && entryOf(guest + count) === known + count * clusterBytes) count += 1;
        } else while (guest + count < end && entryOf(guest + count) === 0) count += 1;
        const run = known === 0 ? await take(count) : { first: known / clusterBytes, count };
        const from = guest * clusterBytes - offset;
        try {
          await putData(bytes.subarray(from, from + run.count * clusterBytes), run.first * clusterBytes);
          if (known === 0) await enter(guest, run.count, run.first * clusterBytes);
        } catch (error) {
          if (known === 0 && entryOf(guest) !== run.first * clusterBytes) spare.push(run);
          throw error;
        }
        guest += run.count;
      }
    },
    *places(from, end) {
      for (let first = from; first < end; ) {
        const place = entryOf(first);
        let count = 1;
        if (place === 0) {
          while (first + count < end && entryOf(first + count) === 0) {
            const table = Math.floor((first + count) / tableEntries);
            // What has no table at all is passed over as a whole.
            count = l2.has(table) ? count + 1 : Math.min(end, (table + 1) * tableEntries) - first;
          }
        } else while (first + count < end && entryOf(first + count) === place + count * clusterBytes) count += 1;
        yield { first, count, place };
        first += count;
      }
    },
    async finish() {
      await flush();
      await afterOthers(async () => {
        // A block is only made when all before it is used: what is not used is counted in the last one.
        setCounts(countBlock.counts, next - countBlock.first, countsPerBlock, 0);
        await putAll(countBlock.counts, countBlock.place);
        await tables.truncate(next * clusterBytes);
        reservedEnd = next;
        await tables.datasync();
      });
    },
  };
}

function setCounts(counts: Buffer, from: number, end: number, count: number): void {
  for (let index = from; index < end; index += 1) counts.writeUInt16BE(count, index * 2);
}
