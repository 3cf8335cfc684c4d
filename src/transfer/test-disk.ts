/** Disks in memory, for tests only. */
import type { Extent, WritableDisk } from './disk.ts';

export type TestDisk = WritableDisk & { readonly content: Buffer; flushes: number };

const block = 4096;

/** A disk over this buffer; blocks of 4 KiB that are all zero are its holes. */
export function testDisk(content: Buffer): TestDisk {
  return {
    content,
    flushes: 0,
    sizeBytes: content.length,
    access: 'random',
    startsZeroed: true,
    async *extents({ offset, length }): AsyncGenerator<Extent> {
      for (let at = offset; at < offset + length; ) {
        const end = Math.min(offset + length, at - (at % block) + block);
        const kind = content.subarray(at, end).every((byte) => byte === 0) ? 'zero' : 'data';
        yield { offset: at, length: end - at, kind };
        at = end;
      }
    },
    async read(offset, length, signal) {
      signal.throwIfAborted();
      return Buffer.from(content.subarray(offset, offset + length));
    },
    async write(offset, data, signal) {
      signal.throwIfAborted();
      data.copy(content, offset);
    },
    async zero(offset, length, signal) {
      signal.throwIfAborted();
      content.fill(0, offset, offset + length);
    },
    async flush() {
      this.flushes += 1;
    },
    async close() {},
  };
}

/** Bytes that repeat nowhere, so that a block in the wrong place is seen. Offset 0 of each KiB tells its place. */
export function testPattern(sizeBytes: number, seed = 1): Buffer {
  const content = Buffer.alloc(sizeBytes);
  let state = seed >>> 0 || 1;
  for (let at = 0; at + 4 <= sizeBytes; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    content.writeUInt32LE(state, at);
  }
  for (let at = 0; at + 8 <= sizeBytes; at += 1024) content.writeDoubleLE(at + seed, at);
  return content;
}
