/**
 * Checks a disk against its manifest, without a server: reads it once, a queue of leaves at a time, hashed on all cores, and
 * goes on after a difference, so that the first few can be named.
 */
import { WherryError } from '../model/errors.ts';
import {
  chunkDigest,
  chunkRange,
  leafCount,
  leafRange,
  leavesOfChunk,
  leavesPerChunk,
  zeroChunkDigest,
} from './digest.ts';
import { openDigester } from './digest-threads.ts';
import type { Disk, Range } from './disk.ts';
import type { Manifest } from './manifest.ts';
import { readLeaves, zerosOf } from './readback.ts';
import { defaultRetry } from './retry.ts';

/** A part of the disk whose content is not what the manifest says. `leaf`: 4 MiB, where single digests are known. */
export type Difference = Range & { readonly expected: string; readonly found: string };

export type ManifestCheck = {
  /** In order of the offset, at most `most`. */
  readonly differences: readonly Difference[];
  /** More were found than are named. */
  readonly more: boolean;
  /** Parts that the manifest says nothing about (discarded, or not copied by then), in order. */
  readonly unknown: readonly Range[];
  readonly bytesProved: number;
  readonly bytesRead: number;
};

export type CheckOptions = {
  /** Differences to name; the rest is not read once there are more. */
  readonly most?: number;
  /** Logical bytes dealt with, of the disk's size. */
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void;
};

/** @throws transfer.manifest_size when the disk is smaller than what the manifest is about; what reading threw */
export async function checkAgainstManifest(
  disk: Disk,
  manifest: Manifest,
  signal: AbortSignal,
  { most = 10, onProgress }: CheckOptions = {},
): Promise<ManifestCheck> {
  const { coverage } = manifest;
  const { sizeBytes } = coverage;
  if (disk.sizeBytes < sizeBytes) {
    const params = { disk: manifest.disk, expected: sizeBytes, found: disk.sizeBytes };
    throw new WherryError('transfer.manifest_size', params);
  }
  using digester = openDigester();
  const enough = new AbortController();
  const partial = new Map([...coverage.partial()].map(({ leaf, digest }) => [leaf, digest]));
  const open = new Map<number, Map<number, Buffer>>();
  const differences: Difference[] = [];
  const unknown: Range[] = [];
  let [bytesDone, bytesProved, bytesRead] = [0, 0, 0];

  const judge = (range: Range, expected: Buffer | undefined, found: Buffer): void => {
    if (expected === undefined) unknown.push(range);
    else if (expected.equals(found)) bytesProved += range.length;
    else differences.push({ ...range, expected: expected.toString('hex'), found: found.toString('hex') });
    if (differences.length > most) enough.abort();
  };
  const dealtWith = (range: Range): void => {
    bytesDone += range.length;
    onProgress?.(bytesDone, sizeBytes);
  };
  const finish = (chunk: number, leaves: ReadonlyMap<number, Buffer>): void => {
    open.delete(chunk);
    const expected = coverage.chunk(chunk);
    const range = chunkRange(chunk, sizeBytes);
    const ordered = [...leaves].sort(([a], [b]) => a - b);
    if (expected === undefined)
      for (const [leaf, found] of ordered) judge(leafRange(leaf, sizeBytes), partial.get(leaf), found);
    else judge(range, expected, chunkDigest(ordered.map(([, digest]) => digest)));
    dealtWith(range);
  };
  const onLeaf = (leaf: number, digest: Buffer): void => {
    const chunk = Math.floor(leaf / leavesPerChunk);
    const leaves = open.get(chunk) ?? new Map<number, Buffer>();
    open.set(chunk, leaves);
    leaves.set(leaf, digest);
    const { first, end } = leavesOfChunk(chunk, sizeBytes);
    if (leaves.size === end - first) finish(chunk, leaves);
  };
  const onZeros = (from: number, count: number): void => {
    for (let leaf = from; leaf < from + count; ) {
      const chunk = Math.floor(leaf / leavesPerChunk);
      const { first, end } = leavesOfChunk(chunk, sizeBytes);
      if (leaf === first && from + count >= end && coverage.chunk(chunk) !== undefined) {
        const range = chunkRange(chunk, sizeBytes);
        judge(range, coverage.chunk(chunk), zeroChunkDigest(range.length));
        dealtWith(range);
        leaf = end;
      } else {
        onLeaf(leaf, zerosOf(leaf, sizeBytes));
        leaf += 1;
      }
    }
  };
  const reading = {
    disk,
    sizeBytes,
    digester,
    from: 0,
    end: leafCount(sizeBytes),
    retry: defaultRetry,
    onLeaf,
    onZeros,
    onBytes: (bytes: number) => void (bytesRead += bytes),
  };
  await readLeaves(reading, AbortSignal.any([signal, enough.signal])).catch((error: unknown) => {
    if (!enough.signal.aborted || signal.aborted) throw error;
  });
  differences.sort((a, b) => a.offset - b.offset);
  return {
    differences: differences.slice(0, most),
    more: differences.length > most,
    unknown: joined(unknown),
    bytesProved,
    bytesRead,
  };
}

function joined(ranges: readonly Range[]): Range[] {
  const found: Range[] = [];
  for (const { offset, length } of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const last = found.at(-1);
    if (last !== undefined && last.offset + last.length === offset) {
      found[found.length - 1] = { offset: last.offset, length: last.length + length };
    } else found.push({ offset, length });
  }
  return found;
}
