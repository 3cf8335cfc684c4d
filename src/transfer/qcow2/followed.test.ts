import { mkdtemp, open as openFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runChild } from '../../process/child.ts';
import { type CopyRequest, copyDisk } from '../copy.ts';
import { contentOf, crashDisk } from '../crash-disk.ts';
import { chunkBytes, chunkRange, leafBytes } from '../digest.ts';
import { WherryError } from '../../model/errors.ts';
import type { Disk, Extent, WritableDisk } from '../disk.ts';
import { follow, rest } from '../follow.ts';
import { type Journal, openJournal } from '../journal.ts';
import { sharedMemory } from '../memory.ts';
import { openVolume } from '../nbd/volume.ts';
import { type Mismatch, verifyDisk } from '../verify.ts';
import { clusterBytes } from './fresh-layout.ts';

const MiB = 1024 * 1024;
const { signal } = new AbortController();
/** Four chunks, the last one short. */
const sizeBytes = 3 * chunkBytes + 9 * MiB + clusterBytes;
const extents: Extent[] = [
  { offset: 0, length: 9 * MiB, kind: 'data' },
  { offset: 9 * MiB, length: chunkBytes - 9 * MiB + 3 * MiB, kind: 'zero' },
  { offset: chunkBytes + 3 * MiB, length: 2 * MiB + 4096, kind: 'data' },
  { offset: chunkBytes + 5 * MiB + 4096, length: 2 * chunkBytes - 5 * MiB - 4096, kind: 'zero' },
  { offset: 3 * chunkBytes, length: sizeBytes - 3 * chunkBytes, kind: 'data' },
];
const content = contentOf(sizeBytes, extents, 7);
/** Of the chunks that have any. */
const dataBytes = 9 * MiB + 2 * MiB + clusterBytes + (sizeBytes - 3 * chunkBytes);

let directory: string;
let path: string;
const journals: Journal[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-followed-'));
  path = join(directory, 'disk.qcow2');
  await runChild('qemu-img', ['create', '-q', '-f', 'qcow2', path, String(sizeBytes)]);
});
afterEach(async () => {
  for (const journal of journals.splice(0)) await journal[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const openTarget = (readOnly: boolean): Promise<WritableDisk> =>
  openVolume({ path, format: 'qcow2', readOnly, startsZeroed: true }, directory, signal);

type Followed = {
  readonly proved: readonly number[];
  readonly told: readonly Mismatch[];
  readonly doubted: number;
  readonly journal: Journal;
};

const openReadOnly = (): Promise<Disk> => openTarget(true);
/** All tables are written and nobody will write them again: what is spoiled from here on stays so. */
const finished = (target: WritableDisk): Promise<unknown> => target.confirm!([chunkRange(2, sizeBytes)], signal);

type Moments = {
  /** Before what was flushed is believed and read back. */
  readonly flushed?: () => Promise<void>;
  /** When all that was told of was read back, before QEMU is asked. */
  readonly read?: () => Promise<void>;
  /** QEMU is not asked. */
  readonly believed?: boolean;
  readonly request?: Partial<CopyRequest>;
};

async function copied(
  target: WritableDisk,
  { flushed, read, believed = false, request }: Moments = {},
): Promise<Followed> {
  const journal = await openJournal(join(directory, 'journal'), { diskId: 'sda', sizeBytes, identity: 'i' });
  journals.push(journal);
  const told: Mismatch[] = [];
  let doubted = 0;
  const confirm = target.confirm?.bind(target);
  const watched: WritableDisk = {
    ...target,
    ...(confirm !== undefined && {
      confirm: async (ranges) => {
        await read?.();
        return believed ? ranges : confirm(ranges, signal);
      },
    }),
  };
  const follower = follow('sda', watched, journal.coverage, signal, {
    onMismatch: (wrong) => told.push(wrong),
    onUnconfirmed: (count) => (doubted += count),
  });
  const failPoint = async (point: string): Promise<void> => {
    if (point === 'copy.flushed.before-journal') await flushed?.();
  };
  const onChunk = follower.done.bind(follower);
  await copyDisk({ diskId: 'sda', source: source(), target: watched, journal, onChunk, failPoint, ...request }, signal);
  follower.end();
  return { proved: await follower.proved(), told, doubted, journal };
}
const source = (): WritableDisk => crashDisk(content, { extents });

function verifyRest({ proved, journal }: Followed, more: { onMismatch?: (one: Mismatch) => void } = {}) {
  const open = openReadOnly;
  const copyAgain = async (_chunk: number, { offset, length }: { offset: number; length: number }): Promise<void> => {
    const writable = await openTarget(false);
    await writable.write(offset, content.subarray(offset, offset + length), signal);
    await writable.flush(signal);
    await writable.close();
  };
  const request = { diskId: 'sda', open, coverage: journal.coverage, feed: rest(4, proved), copyAgain, ...more };
  return verifyDisk(request, signal);
}

/** Past everybody: the byte of the disk in the file. */
async function flip(offset: number): Promise<void> {
  const map = JSON.parse(await runChild('qemu-img', ['map', '-U', '--output=json', '-f', 'qcow2', path])) as {
    start: number;
    length: number;
    offset: number;
  }[];
  const entry = map.find(({ start, length }) => offset >= start && offset < start + length);
  await change((entry?.offset ?? 0) + offset - (entry?.start ?? 0), (byte) => byte ^ 1);
}
async function change(at: number, how: (byte: number) => number): Promise<void> {
  await using file = await openFile(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0] = how(byte[0] ?? 0);
  await file.write(byte, 0, 1, at);
  await file.sync();
}
/** Where the entry of a cluster in the first L2 table is, and what it says. */
async function entryOf(cluster: number): Promise<{ readonly at: number; readonly entry: bigint }> {
  await using file = await openFile(path, 'r');
  const eight = Buffer.alloc(8);
  const large = async (at: number): Promise<bigint> => (await file.read(eight, 0, 8, at), eight.readBigUInt64BE());
  const table = (await large(Number(await large(40)))) & 0x00ff_ffff_ffff_fe00n;
  const at = Number(table) + cluster * 8;
  return { at, entry: await large(at) };
}
async function setEntry(cluster: number, entry: bigint): Promise<void> {
  const { at } = await entryOf(cluster);
  await using file = await openFile(path, 'r+');
  const eight = Buffer.alloc(8);
  eight.writeBigUInt64BE(entry);
  await file.write(eight, 0, 8, at);
  await file.sync();
}

const swapped = async (): Promise<void> => {
  const [one, other] = [await entryOf(1), await entryOf(40)];
  await setEntry(1, other.entry);
  await setEntry(40, one.entry);
};

async function equalsSource(): Promise<boolean> {
  const raw = join(directory, 'source.raw');
  await using file = await openFile(raw, 'w');
  await file.write(content);
  return runChild('qemu-img', ['compare', '-q', '-f', 'raw', '-F', 'qcow2', raw, path]).then(
    () => true,
    () => false,
  );
}

describe('a fresh qcow2 target, read back while it is written', () => {
  it('is proved by the end of the copy: nothing is left to read, and it is the source', async () => {
    const target = await openTarget(false);
    const followed = await copied(target);
    await target.close();
    expect(followed.proved).toEqual([0, 1, 2, 3]);
    expect(await verifyRest(followed)).toMatchObject({ chunks: 0, bytesRead: 0 });
    expect(await equalsSource()).toBe(true);
    const check = await runChild('qemu-img', ['check', '-f', 'qcow2', '--output=json', path]);
    expect(JSON.parse(check)).toMatchObject({ 'check-errors': 0 });
    expect(JSON.parse(check)).not.toHaveProperty('leaks');
    // (control) Nothing followed: all that is data is read by qemu-nbd.
    const { chunks, bytesRead } = await verifyRest({ ...followed, proved: [] });
    expect([chunks, bytesRead]).toEqual([4, dataBytes]);
  });

  it('a bit that flips at rest before it is read back is found, named, and mended by one more copy', async () => {
    const target = await openTarget(false);
    let flipped = false;
    const followed = await copied(target, {
      flushed: async () => {
        if (flipped) return;
        flipped = true;
        await flip(5 * MiB + 77);
      },
    });
    await target.close();
    expect(followed.proved).not.toContain(0);
    const wrong = expect.objectContaining({ chunk: 0, expected: followed.journal.coverage.chunk(0)?.toString('hex') });
    expect(followed.told).toEqual([wrong]);
    expect(await equalsSource()).toBe(false);
    const told: Mismatch[] = [];
    const { copiedAgain } = await verifyRest(followed, { onMismatch: (one) => told.push(one) });
    expect(copiedAgain).toEqual([0]);
    expect(told).toEqual([wrong]);
    expect(await equalsSource()).toBe(true);
  });

  describe('where QEMU’s tables say something else than ours', () => {
    // The image is sound by itself: only its map tells.
    const spoils: [string, () => Promise<void>][] = [
      ['two clusters the other way round', swapped],
      ['a hole', async () => setEntry(1, 0n)],
      ['zeros', async () => setEntry(1, 1n)],
    ];
    it.each(spoils)('%s: QEMU reads that, and what is wrong is found', async (_what, spoil) => {
      const target = await openTarget(false);
      const followed = await copied(target, { read: async () => (await finished(target), spoil()) });
      await target.close();
      // All was right where we had looked.
      expect(followed.told).toEqual([]);
      expect(followed.proved).toEqual([1, 2, 3]);
      expect(followed.doubted).toBe(1);
      expect(await equalsSource()).toBe(false);
      const told: Mismatch[] = [];
      await verifyRest(followed, { onMismatch: (one) => told.push(one) }).catch(() => undefined);
      expect(told[0]).toMatchObject({ chunk: 0, expected: followed.journal.coverage.chunk(0)?.toString('hex') });
    });

    it('(control) if QEMU is not asked it is believed', async () => {
      const target = await openTarget(false);
      const read = async (): Promise<void> => (await finished(target), swapped());
      const followed = await copied(target, { read, believed: true });
      await target.close();
      expect(followed.proved).toEqual([0, 1, 2, 3]);
      expect(await equalsSource()).toBe(false);
    });
  });

  it('a chunk that is written again after it was read back counts no more', async () => {
    const target = await openTarget(false);
    const page = sharedMemory(clusterBytes).fill(9);
    const followed = await copied(target, { read: () => target.write(MiB, page, signal) });
    await target.close();
    // (control) The others count, and the digest of what was read would have been right.
    expect(followed.proved).toEqual([1, 2, 3]);
    expect(followed.told).toEqual([]);
    const told: Mismatch[] = [];
    const { copiedAgain, chunks } = await verifyRest(followed, { onMismatch: (one) => told.push(one) });
    expect([chunks, copiedAgain]).toEqual([2, [0]]);
    expect(told).toHaveLength(1);
    expect(await equalsSource()).toBe(true);
  });

  it('handed over to qemu-nbd, it counts what was read before and is where it was; what was written there since does not', async () => {
    const target = await openTarget(false);
    const followed = await copied(target, {
      read: async () => {
        await target.zero(chunkBytes + 3 * MiB, clusterBytes, signal);
        await target.write(chunkBytes + 3 * MiB, content.subarray(chunkBytes + 3 * MiB).subarray(0, 8192), signal);
        await target.flush(signal);
        await expect(target.readBack!(signal)).rejects.toThrow('handed over');
      },
    });
    expect(followed.proved).toEqual([0, 2, 3]);
    // It goes on all the same.
    await target.write(chunkBytes + 3 * MiB, content.subarray(chunkBytes + 3 * MiB).subarray(0, clusterBytes), signal);
    await target.flush(signal);
    await target.close();
    expect(await verifyRest(followed)).toMatchObject({ chunks: 1, copiedAgain: [] });
    expect(await equalsSource()).toBe(true);
  });

  it('resumed, it goes by qemu-nbd and is read back after the copy', async () => {
    const first = await openTarget(false);
    await first.write(0, sharedMemory(leafBytes), signal);
    await first.flush(signal);
    await first.close();
    const target = await openTarget(false);
    expect(target).not.toHaveProperty('readBack');
    const followed = await copied(target);
    await target.close();
    expect(followed.proved).toEqual([]);
    expect(await verifyRest(followed)).toMatchObject({ chunks: 4 });
  });

  it('opened anew after a failure, it goes by qemu-nbd, and nothing of before counts', async () => {
    const fresh = await openTarget(false);
    const write: WritableDisk['write'] = async (offset, data, each) => {
      if (offset < 3 * chunkBytes) return fresh.write(offset, data, each);
      throw new WherryError('transfer.write_failed', { where: path, offset, length: data.length, errno: 'EIO' });
    };
    const followed = await copied(
      { ...fresh, write },
      {
        request: { reopenTarget: () => openTarget(false), retry: { attempts: 2, firstDelayMs: 1, longestDelayMs: 1 } },
      },
    );
    await fresh.close();
    expect(followed.proved).toEqual([]);
    expect(await verifyRest(followed)).toMatchObject({ chunks: 4, copiedAgain: [] });
    expect(await equalsSource()).toBe(true);
  });

  it('an image that somebody else writes to is not confirmed', async () => {
    const target = await openTarget(false);
    let other: WritableDisk | undefined;
    const followed = await copied(target, {
      read: async () => {
        await target.confirm!([chunkRange(2, sizeBytes)], signal);
        other = await openTarget(false);
      },
    });
    expect(followed.proved).toEqual([]);
    await other?.close();
    // (control) It is once they have gone.
    expect(await target.confirm!([chunkRange(0, sizeBytes)], signal)).toHaveLength(1);
    await target.close();
  });

  // One cluster of the file for two of the disk, or one that nobody owns.
  const damages: [string, boolean, () => Promise<void>][] = [
    // The map does not show it, and nobody reads there.
    ['behind the end of the disk', true, async () => setEntry(5_000, (await entryOf(1)).entry)],
    ['the place of another', false, async () => setEntry(1, (await entryOf(40)).entry)],
    ['data where we have a hole', false, async () => setEntry(500, (await entryOf(1)).entry)],
    ['a place that nobody uses', false, async () => setEntry(1, (await entryOf(1)).entry + (1n << 30n))],
  ];
  it.each(damages)('a damaged image (%s) ends its copy, even if it reads right', async (_what, readsRight, spoil) => {
    const target = await openTarget(false);
    const read = async (): Promise<void> => (await finished(target), spoil());
    await expect(copied(target, { read })).rejects.toMatchObject({
      code: 'transfer.image_damaged',
      params: { path },
      cause: { message: expect.stringContaining('qemu-img check ended with 2') as string },
    });
    await target.close();
    expect(await equalsSource()).toBe(readsRight);
  });
});
