import type { SharedBuffer } from '../memory.ts';

/** Buffers that threads share and that are used again: fresh ones cost a page fault for every 4 KiB. */
export type Scratch = {
  /** At least `length` bytes. */
  take(length: number): SharedBuffer;
  give(buffer: SharedBuffer): void;
};

const make = (length: number): SharedBuffer => Buffer.from(new SharedArrayBuffer(length));

export function makeScratch(sizeBytes: number, kept: number): Scratch {
  const free: SharedBuffer[] = [];
  return {
    take: (length) => (length > sizeBytes ? make(length) : (free.pop() ?? make(sizeBytes))),
    give: (buffer) => {
      if (buffer.length === sizeBytes && free.length < kept) free.push(buffer);
    },
  };
}
