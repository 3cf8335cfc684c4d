import { createGate } from '../gate.ts';
import type { Bytes } from '../inspect/bytes.ts';
import { type Owner, refuse } from '../inspect/refuse.ts';
import type { SparseHeader } from '../inspect/vmdk-sparse.ts';
import { grainHeaderBytes, inflateGrain, maxCompressedBytes } from './inflate.ts';
import { type SharedBuffer, isShared } from '../memory.ts';
import { type InflateFailure, type Threads, openThreads, placeOf } from '../threads.ts';
import { type CompressedGrain, type CompressedRun, runBytes } from './runs.ts';
import { makeScratch } from './scratch.ts';

/** Runs at once: enough to hide a file server's latency and keep all cores busy; it bounds the memory, 1 MiB each. */
const runsAtOnce = 16;

export type CompressedReader = {
  /**
   * Reads a run by one read of the file and inflates all its grains, each into its place of `into`. `base` is where on the
   * disk `into` begins; grains may stick out on both sides.
   */
  read(run: CompressedRun, into: Buffer, base: number, signal: AbortSignal): Promise<void>;
  close(): void;
};

export function compressedReader(bytes: Bytes, header: SparseHeader, owner: Owner): CompressedReader {
  const scratch = makeScratch(runBytes, runsAtOnce);
  const { grainBytes, capacityBytes } = header;
  const gate = createGate(runsAtOnce);
  let threads: Threads | undefined;

  const failed = (grain: CompressedGrain, { length, cause }: Omit<InflateFailure, 'index'>): Error => {
    const what = length === undefined ? 'cannot be inflated' : `inflates to ${length} bytes, not ${grainBytes}`;
    const detail = `the grain at ${grain.offset} ${what}`;
    return refuse(owner, 'image.corrupt', { detail }, cause === undefined ? undefined : new Error(cause));
  };
  const wantedOf = (grain: CompressedGrain): number => Math.min(grainBytes, capacityBytes - grain.start);

  /** Where the result is memory that threads share: all grains of the run by one of them. */
  const inflateShared = async (run: CompressedRun, stored: SharedBuffer, into: SharedBuffer, base: number) => {
    const grains = run.grains.map((grain) => {
      const from = grain.offset - run.offset;
      const { length } = grainData(stored, from, grain, header, owner);
      const skip = Math.max(0, base - grain.start);
      const place = { from: from + grainHeaderBytes, length, to: grain.start + skip - base, skip };
      return { ...place, wanted: wantedOf(grain) };
    });
    threads ??= openThreads();
    const places = { stored: placeOf(stored), into: placeOf(into) };
    const failure = await threads.inflate({ kind: 'inflate', ...places, grainBytes, grains });
    const grain = run.grains[failure?.index ?? -1];
    if (failure !== null && grain !== undefined) throw failed(grain, failure);
  };
  const inflateEach = async (run: CompressedRun, stored: Buffer, into: Buffer, base: number) => {
    const inflating = run.grains.map(async (grain) => {
      const data = grainData(stored, grain.offset - run.offset, grain, header, owner);
      const wanted = wantedOf(grain);
      const inflated = await inflateGrain(data, grainBytes).catch((error: unknown) => {
        throw failed(grain, { cause: error instanceof Error ? error.message : String(error) });
      });
      if (inflated.length !== grainBytes && inflated.length !== wanted) throw failed(grain, inflated);
      const skip = Math.max(0, base - grain.start);
      inflated.copy(into, grain.start + skip - base, skip, wanted);
    });
    await allDone(inflating);
  };

  return {
    async read(run, into, base, signal) {
      const length = run.end - run.offset;
      await gate.enter(1, signal);
      const buffer = scratch.take(length);
      try {
        const stored = buffer.subarray(0, length);
        await bytes.readInto(stored, run.offset, signal);
        if (isShared(into)) await inflateShared(run, stored, into, base);
        else await inflateEach(run, stored, into, base);
      } finally {
        scratch.give(buffer);
        gate.leave(1);
      }
    },
    close: () => threads?.[Symbol.dispose](),
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
