/** A fault device: any disk as one that spoils a bit of what it is given to keep, or cannot be read at some sectors. */
import { type NbdDisk, connectNbd } from '../../src/transfer/nbd/client.ts';
import { serveNbd } from '../../src/transfer/nbd/server.ts';
import type { Range, WritableDisk } from '../../src/transfer/disk.ts';
import { WherryError } from '../../src/model/errors.ts';

export type Faults = {
  /** Bytes whose given bit is wrong once they were flushed. `inHole`: nobody writes them, so the first flush will do. */
  readonly flips: readonly { readonly offset: number; readonly bit: number; readonly inHole: boolean }[];
  /** How often in all: after that it keeps what it is given. */
  readonly times: number;
  /** Reads that touch these fail. */
  readonly unreadable: readonly Range[];
};

export const noFaults: Faults = { flips: [], times: 0, unreadable: [] };

/** A flip happens when the device is flushed, and again after each later write, as often as it may. */
export function faulty(disk: WritableDisk, faults: Faults): WritableDisk {
  const left = faults.flips.map(() => faults.times);
  /** Written since the last flip: due at the next flush. */
  const due = faults.flips.map(({ inHole }) => inHole);
  const touched = (from: number, length: number): void => {
    for (const [index, { offset }] of faults.flips.entries()) {
      if (offset >= from && offset < from + length) due[index] = true;
    }
  };
  const { sizeBytes, access, startsZeroed } = disk;
  return {
    sizeBytes,
    access,
    startsZeroed,
    extents: (range, signal) => disk.extents(range, signal),
    close: () => disk.close(),
    async read(offset, length, signal) {
      const bad = faults.unreadable.find((range) => overlaps(range, { offset, length }));
      if (bad === undefined) return disk.read(offset, length, signal);
      throw new WherryError('transfer.read_failed', { where: 'a bad sector', ...bad, errno: 'EIO' });
    },
    async write(offset, data, signal) {
      await disk.write(offset, data, signal);
      touched(offset, data.length);
    },
    async zero(offset, length, signal) {
      await disk.zero(offset, length, signal);
      touched(offset, length);
    },
    async flush(signal) {
      for (const [index, { offset, bit }] of faults.flips.entries()) {
        if (due[index] !== true || (left[index] ?? 0) <= 0) continue;
        due[index] = false;
        left[index] = (left[index] ?? 0) - 1;
        const byte = await disk.read(offset, 1, signal);
        byte[0] = (byte[0] ?? 0) ^ (1 << bit);
        await disk.write(offset, byte, signal);
      }
      await disk.flush(signal);
    },
  };
}

/** The fault device as something that is reached by NBD, as a target over a wire is. Closing it closes `disk`. */
export async function throughFaults(
  disk: WritableDisk,
  faults: Faults,
  socketPath: string,
  signal: AbortSignal,
): Promise<NbdDisk> {
  const server = await serveNbd(faulty(disk, faults), { socketPath, readOnly: false }, signal);
  const client = await connectNbd({ socketPath, startsZeroed: disk.startsZeroed, where: 'the fault device' }, signal);
  return {
    ...client,
    async close() {
      await client.close();
      await server.close();
      await disk.close();
    },
  };
}

function overlaps(a: Range, b: Range): boolean {
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}
