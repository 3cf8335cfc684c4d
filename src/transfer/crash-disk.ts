/** A disk in memory that loses what was not flushed, is slow, fails and lies when told to. For tests only. */
import { randomFillSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Extent, Range, WritableDisk } from './disk.ts';

const block = 64 * 1024;

export type CrashDisk = WritableDisk & {
  /** What a reader sees now. */
  readonly content: Buffer;
  readonly counts: {
    reads: number;
    writes: number;
    zeros: number;
    flushes: number;
    bytesRead: number;
    bytesWritten: number;
  };
  /** Loses what was written since the last flush that ended, by the block, at random. */
  crash(): void;
  /** Called before each call goes on; may wait or throw. */
  before: (call: 'read' | 'write' | 'zero' | 'flush', offset: number, length: number) => Promise<void> | void;
  /** Changes what is read or written, in place. */
  spoil: (call: 'read' | 'write', offset: number, data: Buffer) => void;
};

export function crashDisk(
  content: Buffer,
  options: {
    extents?: readonly Extent[];
    startsZeroed?: boolean;
    access?: 'random' | 'sequential';
    readInto?: boolean;
  } = {},
): CrashDisk {
  const durable = Buffer.from(content);
  const dirty = new Set<number>();
  const touch = (offset: number, length: number): void => {
    for (let at = Math.floor(offset / block); at * block < offset + length; at += 1) dirty.add(at);
  };
  const { extents } = options;
  const disk: CrashDisk = {
    content,
    counts: { reads: 0, writes: 0, zeros: 0, flushes: 0, bytesRead: 0, bytesWritten: 0 },
    sizeBytes: content.length,
    access: options.access ?? 'random',
    startsZeroed: options.startsZeroed ?? true,
    before: () => undefined,
    spoil: () => undefined,
    async *extents(range: Range): AsyncGenerator<Extent> {
      const all = extents ?? [{ offset: 0, length: content.length, kind: 'data' as const }];
      for (const one of all) {
        const from = Math.max(one.offset, range.offset);
        const to = Math.min(one.offset + one.length, range.offset + range.length);
        if (to > from) yield { offset: from, length: to - from, kind: one.kind };
      }
    },
    async read(offset, length, signal) {
      signal.throwIfAborted();
      disk.counts.reads += 1;
      await disk.before('read', offset, length);
      disk.counts.bytesRead += length;
      const data = Buffer.from(content.subarray(offset, offset + length));
      disk.spoil('read', offset, data);
      return data;
    },
    async write(offset, data, signal) {
      signal.throwIfAborted();
      disk.counts.writes += 1;
      await disk.before('write', offset, data.length);
      disk.counts.bytesWritten += data.length;
      const kept = Buffer.from(data);
      disk.spoil('write', offset, kept);
      kept.copy(content, offset);
      touch(offset, data.length);
    },
    async zero(offset, length, signal) {
      signal.throwIfAborted();
      disk.counts.zeros += 1;
      await disk.before('zero', offset, length);
      content.fill(0, offset, offset + length);
      touch(offset, length);
    },
    async flush(signal) {
      signal.throwIfAborted();
      disk.counts.flushes += 1;
      const flushed = [...dirty].map((at) => ({
        at,
        data: Buffer.from(content.subarray(at * block, (at + 1) * block)),
      }));
      dirty.clear();
      try {
        await disk.before('flush', 0, 0);
      } catch (error) {
        for (const { at } of flushed) dirty.add(at);
        throw error;
      }
      for (const { at, data } of flushed) data.copy(durable, at * block);
    },
    crash() {
      for (const at of dirty) {
        if (Math.random() < 0.8) durable.copy(content, at * block, at * block, (at + 1) * block);
      }
      content.copy(durable);
      dirty.clear();
    },
    async close() {},
  };
  if (options.readInto === true) {
    disk.readInto = async (offset, buffer, signal) => {
      (await disk.read(offset, buffer.length, signal)).copy(buffer);
    };
  }
  return disk;
}

export const delay = (ms: number): Promise<void> => sleep(ms);

/** Random bytes where the extents say data (a part of them zeros all the same), zeros elsewhere. */
export function contentOf(sizeBytes: number, extents: readonly Extent[], zeroEvery = 3): Buffer {
  const content = Buffer.alloc(sizeBytes);
  extents.forEach((extent, index) => {
    if (extent.kind === 'data' && index % zeroEvery !== 1) randomFillSync(content, extent.offset, extent.length);
  });
  return content;
}

/** A connection to `disk` that is dead for good once `lost` says so, as one to a server that was killed is. */
export function connection(disk: CrashDisk, lost: () => boolean, error: () => Error): WritableDisk {
  const alive = async <T>(call: () => Promise<T>): Promise<T> => {
    if (lost()) throw error();
    const result = await call();
    if (lost()) throw error();
    return result;
  };
  return {
    ...disk,
    write: (offset, data, signal) => alive(() => disk.write(offset, data, signal)),
    zero: (offset, length, signal) => alive(() => disk.zero(offset, length, signal)),
    flush: (signal) => alive(() => disk.flush(signal)),
  };
}
