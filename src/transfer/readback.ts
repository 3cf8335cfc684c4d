/** Reads a disk's leaves with a queue and gives their digests, in any order; holes that the disk vouches for cost nothing. */
import { setMaxListeners } from 'node:events';
import { leafRange, zeroLeafDigest } from './digest.ts';
import type { Digester } from './digest-threads.ts';
import type { Disk, Range } from './disk.ts';
import { blocks, leafWork } from './leaves.ts';
import { type RetryPolicy, retrying } from './retry.ts';
import { type Slots, createSlots } from './slots.ts';
import { type Limit, blockFor, takeAll } from './throttle.ts';

export type Readback = {
  readonly disk: Disk;
  /** What of the disk counts; it may be larger. */
  readonly sizeBytes: number;
  readonly digester: Digester;
  /** Of `slotCount`, for those who read again and again: memory that is made anew each time is given back late. */
  readonly slots?: Slots;
  /** First leaf and the one after the last. */
  readonly from: number;
  readonly end: number;
  readonly skip?: (leaf: number) => boolean;
  readonly limits?: readonly Limit[];
  readonly retry: RetryPolicy;
  readonly onLeaf: (leaf: number, digest: Buffer) => void;
  /** `count` leaves from `first` read as zeros. */
  readonly onZeros: (first: number, count: number) => void;
  readonly onBytes?: (bytes: number) => void;
};

/** Reads at once: 8 leaves in blocks of 1 MiB, 32 MiB in all. */
export const slotCount = 8;
const blockBytes = 1024 * 1024;

/**
 * Digests what `disk` holds. What its `extents` call zero is taken as read back as zeros: the disk's own word for a read
 * that would bring nothing; everything else is read and hashed, also where zeros are expected.
 */
export async function readLeaves(readback: Readback, outer: AbortSignal): Promise<void> {
  const { disk, sizeBytes } = readback;
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  setMaxListeners(0, signal);
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
    stop.abort(error);
  };
  const slots = readback.slots ?? createSlots(slotCount);
  const tasks = new Set<Promise<void>>();
  const readBlock = async (offset: number, buffer: Buffer): Promise<void> => {
    await takeAll(readback.limits ?? [], buffer.length, signal);
    await retrying(readback.retry, signal, async () => {
      if (disk.readInto !== undefined) await disk.readInto(offset, buffer, signal);
      else (await disk.read(offset, buffer.length, signal)).copy(buffer);
    });
    readback.onBytes?.(buffer.length);
  };
  try {
    const work = leafWork(disk, sizeBytes, readback.from, readback.end, readback.skip ?? (() => false), signal);
    for await (const one of work) {
      if (one.kind === 'zeros') {
        readback.onZeros(one.first, one.count);
        continue;
      }
      const leaf = leafRange(one.leaf, sizeBytes);
      const slot = await slots.take(signal);
      const inOrder = disk.access === 'sequential';
      const read = Promise.withResolvers<void>();
      const run = async (): Promise<void> => {
        try {
          const whole = one.data.length === 1 && one.data[0]?.length === leaf.length;
          if (!whole) slot.fill(0, 0, leaf.length);
          const pieces = blocks(one.data, blockFor(readback.limits ?? [], disk.readBytes ?? blockBytes));
          const fill = ({ offset, length }: Range): Promise<void> =>
            readBlock(offset, slot.subarray(offset - leaf.offset, offset - leaf.offset + length));
          if (inOrder) for (const piece of pieces) await fill(piece);
          else {
            const failed = (await Promise.allSettled(pieces.map(fill))).find(({ status }) => status === 'rejected');
            if (failed?.status === 'rejected') throw failed.reason;
          }
          read.resolve();
          readback.onLeaf(one.leaf, await readback.digester.digest(slot.subarray(0, leaf.length)));
        } finally {
          read.resolve();
          slots.give(slot);
        }
      };
      const task: Promise<void> = run()
        .catch(fail)
        .finally(() => tasks.delete(task));
      tasks.add(task);
      if (inOrder) await read.promise;
    }
  } catch (error) {
    fail(error);
  }
  while (tasks.size > 0) await Promise.all(tasks);
  outer.throwIfAborted();
  if (failure !== undefined) throw failure.error;
}

/** The digest of zeros of this leaf's length. */
export function zerosOf(leaf: number, sizeBytes: number): Buffer {
  return zeroLeafDigest(leafRange(leaf, sizeBytes).length);
}
