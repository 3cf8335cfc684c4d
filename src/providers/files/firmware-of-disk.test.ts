import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Disk } from '../../transfer/disk.ts';
import { firmwareOfDisk } from './firmware-of-disk.ts';

const signal = AbortSignal.timeout(60_000);

/** A disk of these bytes that counts what is read of it. */
function memoryDisk(data: Buffer): { disk: Disk; read: () => number } {
  let total = 0;
  const disk: Disk = {
    sizeBytes: data.length,
    access: 'random',
    async *extents({ offset, length }) {
      yield { offset, length, kind: 'data' };
    },
    read: async (offset, length) => {
      if (offset < 0 || offset + length > data.length) throw new Error(`read past the end: ${offset}+${length}`);
      total += length;
      return data.subarray(offset, offset + length);
    },
    close: async () => undefined,
  };
  return { disk, read: () => total };
}

function gptDisk(
  sector: number,
  options: { type?: string; entry?: number; entriesAt?: bigint; count?: number } = {},
): Buffer {
  const data = Buffer.alloc(256 * 1024);
  data.write('EFI PART', sector, 'latin1');
  data.writeBigUInt64LE(options.entriesAt ?? 2n, sector + 72);
  data.writeUInt32LE(options.count ?? 128, sector + 80);
  data.writeUInt32LE(128, sector + 84);
  const type = options.type ?? '28732ac11ff8d211ba4b00a0c93ec93b';
  data.write(type, sector * 2 + (options.entry ?? 0) * 128, 'hex');
  return data;
}

test('finds the EFI system partition in any entry, with sectors of 512 and 4096 bytes', async () => {
  for (const sector of [512, 4096]) {
    for (const entry of [0, 5, 127]) {
      expect(await firmwareOfDisk(memoryDisk(gptDisk(sector, { entry })).disk, signal)).toEqual({
        type: 'efi',
        secureBoot: false,
      });
    }
    expect((await firmwareOfDisk(memoryDisk(gptDisk(sector, { type: '00' })).disk, signal)).type).toBe('bios');
  }
});

test('reads little and never past the end, whatever a table says', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.bigInt(0n, 2n ** 64n - 1n),
      fc.integer({ min: 0, max: 2 ** 31 }),
      fc.integer({ min: 0, max: 70_000 }),
      async (entriesAt, count, cut) => {
        const { disk, read } = memoryDisk(gptDisk(512, { entriesAt, count }).subarray(0, cut));
        await firmwareOfDisk(disk, signal);
        expect(read()).toBeLessThan(600_000);
      },
    ),
  );
});
