import { inflate } from 'node:zlib';

/** A compressed grain begins with its place on the disk in sectors (8 bytes) and the length of its data (4). */
export const grainHeaderBytes = 12;

/** Deflate makes data longer by a few bytes at most; writers that do worse than this do not exist (QEMU's bound too). */
export const maxCompressedBytes = (grainBytes: number): number => 2 * grainBytes;

/**
 * Inflates one grain on zlib's thread pool. Each call is one trip to a thread: the output fits the first chunk, with a byte
 * to spare, so that zlib sees the end without asking for more room.
 * Rejects when the data is damaged or longer than a grain.
 */
export function inflateGrain(data: Buffer, grainBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    inflate(data, { chunkSize: grainBytes + 64, maxOutputLength: grainBytes }, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}
