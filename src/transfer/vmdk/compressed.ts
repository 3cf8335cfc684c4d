import type { Bytes } from '../inspect/bytes.ts';
import { type Owner, refuse } from '../inspect/refuse.ts';
import type { SparseHeader } from '../inspect/vmdk-sparse.ts';
import { grainHeaderBytes, inflateGrain, maxCompressedBytes } from './inflate.ts';
import { type CompressedGrain, type CompressedRun, runBytes } from './runs.ts';
import { makeScratch } from './scratch.ts';

const keptBuffers = 8;

/** Reads a run by one read of the file and inflates all its grains at the same time, each into its place of `into`. */
export type ReadCompressed = (run: CompressedRun, into: Buffer, base: number, signal: AbortSignal) => Promise<void>;

/** `base` is where on the disk `into` begins; grains may stick out on both sides. */
export function compressedReader(bytes: Bytes, header: SparseHeader, owner: Owner): ReadCompressed {
  const scratch = makeScratch(runBytes, keptBuffers);
  const { grainBytes, capacityBytes } = header;

  const inflateInto = async (grain: CompressedGrain, data: Buffer, into: Buffer, base: number): Promise<void> => {
    const wanted = Math.min(grainBytes, capacityBytes - grain.start);
    const inflated = await inflateGrain(data, grainBytes).catch((error: unknown) => {
      throw refuse(owner, 'image.corrupt', { detail: `the grain at ${grain.offset} cannot be inflated` }, error);
    });
    if (inflated.length !== grainBytes && inflated.length !== wanted) {
      throw refuse(owner, 'image.corrupt', {
        detail: `the grain at ${grain.offset} inflates to ${inflated.length} bytes, not ${grainBytes}`,
      });
    }
    const skip = Math.max(0, base - grain.start);
    inflated.copy(into, grain.start + skip - base, skip, wanted);
  };

  return async (run, into, base, signal) => {
    const length = run.end - run.offset;
    const buffer = scratch.take(length);
    try {
      const stored = buffer.subarray(0, length);
      await bytes.readInto(stored, run.offset, signal);
      const inflating = run.grains.map(async (grain) => {
        const data = grainData(stored, grain.offset - run.offset, grain, header, owner);
        await inflateInto(grain, data, into, base);
      });
      await allDone(inflating);
    } finally {
      scratch.give(buffer);
    }
  };
}

/** Like `Promise.all`, but waits for the others too before it rejects: they still read from the buffer. */
export async function allDone(work: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'rejected') throw result.reason;
  }
}

function grainData(stored: Buffer, at: number, grain: CompressedGrain, header: SparseHeader, owner: Owner): Buffer {
  const corrupt = (detail: string) =>
    refuse(owner, 'image.corrupt', { detail: `the grain at ${grain.offset} ${detail}` });
  if (at + grainHeaderBytes > stored.length) {
    throw refuse(owner, 'image.truncated', { detail: `the grain at ${grain.offset} lies past its end` });
  }
  const sector = Number(stored.readBigUInt64LE(at));
  if (sector * 512 !== grain.start) throw corrupt(`is of sector ${sector}, not ${grain.start / 512}`);
  const length = stored.readUInt32LE(at + 8);
  if (length === 0 || length > maxCompressedBytes(header.grainBytes)) throw corrupt(`is ${length} bytes long`);
  const end = at + grainHeaderBytes + length;
  if (end > stored.length) throw corrupt(`of ${length} bytes reaches into the next one or past the end`);
  return stored.subarray(at + grainHeaderBytes, end);
}
