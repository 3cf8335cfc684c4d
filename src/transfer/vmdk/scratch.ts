/** Buffers that are used again: fresh ones cost a page fault for every 4 KiB. */
export type Scratch = {
  /** At least `length` bytes. */
  take(length: number): Buffer;
  give(buffer: Buffer): void;
};

export function makeScratch(sizeBytes: number, kept: number): Scratch {
  const free: Buffer[] = [];
  return {
    take: (length) => {
      if (length > sizeBytes) return Buffer.allocUnsafeSlow(length);
      return free.pop() ?? Buffer.allocUnsafeSlow(sizeBytes);
    },
    give: (buffer) => {
      if (buffer.length === sizeBytes && free.length < kept) free.push(buffer);
    },
  };
}
