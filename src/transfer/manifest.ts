/**
 * The digest manifest of a target copy: what proves its disk, kept with it, downloaded, checked by `wherry verify`. JSON
 * lines, so that 16 TiB need no document of their own:
 *
 *     {"wherry":"manifest","version":1,"disk":…,"sizeBytes":…,"leafBytes":4194304,"leavesPerChunk":16,"algorithm":"sha256"}
 *     {"chunk":7,"digest":"<hex>"}          SHA-256 over the SHA-256 of the chunk's leaves
 *     {"zeros":8,"count":100}               chunks 8 to 107 are all zeros
 *     {"leaf":1600,"digest":"<hex>"}        a leaf of a chunk that has discarded leaves
 *     {"discarded":[offset,length]}         not copied: the conversion trimmed it. Nothing is said about its content
 *     {"applied":[offset,length]}           changed by the conversion; digests are those afterwards
 *     {"end":true,"lines":<lines before this one>}
 */
import Type from 'typebox';
import Value from 'typebox/value';
import { WherryError } from '../model/errors.ts';
import { type Coverage, createCoverage } from './coverage.ts';
import {
  chunkBytes,
  chunkCount,
  chunkRange,
  leafBytes,
  leafCount,
  leavesOfChunk,
  leavesPerChunk,
  zeroChunkDigest,
} from './digest.ts';
import type { Disk, Range } from './disk.ts';
import { openDigester } from './digest-threads.ts';
import { blocks } from './leaves.ts';
import { readLeaves, zerosOf } from './readback.ts';
import { defaultRetry } from './retry.ts';
import { type VerifyResult, verifyDisk } from './verify.ts';

export type Manifest = {
  readonly disk: string;
  readonly coverage: Coverage;
  readonly discarded: readonly Range[];
  readonly applied: readonly Range[];
};

const Hex = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Index = Type.Integer({ minimum: 0, maximum: 2 ** 32 });
const Span = Type.Tuple([
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
]);
const exact = { additionalProperties: false };
export const ManifestHead = Type.Object(
  {
    wherry: Type.Literal('manifest'),
    version: Type.Literal(1),
    disk: Type.String({ maxLength: 1024 }),
    /** At most 1 PiB: what is larger is no disk. */
    sizeBytes: Type.Integer({ minimum: 0, maximum: 2 ** 50 }),
    leafBytes: Type.Literal(leafBytes),
    leavesPerChunk: Type.Literal(leavesPerChunk),
    algorithm: Type.Literal('sha256'),
  },
  exact,
);
export const ManifestLine = Type.Union([
  Type.Object({ chunk: Index, digest: Hex }, exact),
  Type.Object({ zeros: Index, count: Type.Integer({ minimum: 1 }) }, exact),
  Type.Object({ leaf: Index, digest: Hex }, exact),
  Type.Object({ discarded: Span }, exact),
  Type.Object({ applied: Span }, exact),
  Type.Object({ end: Type.Literal(true), lines: Type.Integer({ minimum: 1 }) }, exact),
]);
export type ManifestLine = Type.Static<typeof ManifestLine>;

/** The manifest's lines, each without its line end. */
export function* writeManifest(manifest: Manifest): Generator<string> {
  const { coverage } = manifest;
  const { sizeBytes } = coverage;
  let lines = 0;
  const line = (value: ManifestLine | Type.Static<typeof ManifestHead>): string => {
    lines += 1;
    return JSON.stringify(value);
  };
  const head = { wherry: 'manifest', version: 1, disk: manifest.disk, sizeBytes } as const;
  yield line({ ...head, leafBytes, leavesPerChunk, algorithm: 'sha256' });
  let zeros = { first: 0, count: 0 };
  for (let chunk = 0; chunk < chunkCount(sizeBytes); chunk += 1) {
    const digest = coverage.chunk(chunk);
    if (digest?.equals(zeroChunkDigest(chunkRange(chunk, sizeBytes).length)) === true) {
      if (zeros.count === 0) zeros = { first: chunk, count: 0 };
      zeros.count += 1;
      continue;
    }
    if (zeros.count > 0) yield line({ zeros: zeros.first, count: zeros.count });
    zeros = { first: 0, count: 0 };
    if (digest !== undefined) yield line({ chunk, digest: digest.toString('hex') });
  }
  if (zeros.count > 0) yield line({ zeros: zeros.first, count: zeros.count });
  for (const { leaf, digest } of coverage.partial()) yield line({ leaf, digest: digest.toString('hex') });
  for (const { offset, length } of manifest.discarded) yield line({ discarded: [offset, length] });
  for (const { offset, length } of manifest.applied) yield line({ applied: [offset, length] });
  yield line({ end: true, lines });
}

/** @throws transfer.manifest_invalid (line, problem): not ours, cut off, or says something impossible. */
export async function parseManifest(lines: AsyncIterable<string> | Iterable<string>): Promise<Manifest> {
  let number = 0;
  let head: Type.Static<typeof ManifestHead> | undefined;
  let coverage = createCoverage(0);
  const discarded: Range[] = [];
  const applied: Range[] = [];
  let ended = false;
  const refuse = (problem: string): WherryError =>
    new WherryError('transfer.manifest_invalid', { line: number, problem });
  for await (const text of lines) {
    if (text === '' && ended) continue;
    number += 1;
    if (ended) throw refuse('there is something after the end');
    const value = parseJson(text);
    if (head === undefined) {
      if (!Value.Check(ManifestHead, value)) throw refuse('it is no manifest of Wherry, or of a later version');
      head = value;
      coverage = createCoverage(head.sizeBytes);
      continue;
    }
    if (!Value.Check(ManifestLine, value)) throw refuse('the line is not understood');
    const { sizeBytes } = head;
    if ('chunk' in value) {
      if (value.chunk >= chunkCount(sizeBytes)) throw refuse('the chunk is beyond the disk');
      coverage.markChunk(value.chunk, Buffer.from(value.digest, 'hex'));
    } else if ('zeros' in value) {
      if (value.zeros + value.count > chunkCount(sizeBytes)) throw refuse('the chunks are beyond the disk');
      for (let chunk = value.zeros; chunk < value.zeros + value.count; chunk += 1) {
        coverage.markChunk(chunk, zeroChunkDigest(chunkRange(chunk, sizeBytes).length));
      }
    } else if ('leaf' in value) {
      if (value.leaf >= leafCount(sizeBytes)) throw refuse('the leaf is beyond the disk');
      coverage.markLeaf(value.leaf, Buffer.from(value.digest, 'hex'));
    } else if ('end' in value) {
      if (value.lines !== number - 1) throw refuse(`${value.lines} lines were written, ${number - 1} are there`);
      ended = true;
    } else {
      const [offset, length] = 'discarded' in value ? value.discarded : value.applied;
      if (offset + length > sizeBytes) throw refuse('the range is beyond the disk');
      ('discarded' in value ? discarded : applied).push({ offset, length });
    }
  }
  if (head === undefined || !ended) throw refuse('it ends too soon');
  return { disk: head.disk, coverage, discarded, applied };
}

/**
 * After a conversion was applied and verified: takes the digests of the chunks that it changed anew from the target. Leaves
 * that were discarded and lie in applied ranges have content that is known now, so their chunks become whole.
 */
export async function refreshManifest(
  manifest: Manifest,
  target: Disk,
  applied: readonly Range[],
  signal: AbortSignal,
): Promise<Manifest> {
  const { coverage } = manifest;
  const { sizeBytes } = coverage;
  using digester = openDigester();
  const chunks = new Set<number>();
  for (const { offset, length } of applied) {
    const last = Math.floor((Math.min(offset + length, sizeBytes) - 1) / chunkBytes);
    for (let chunk = Math.floor(offset / chunkBytes); chunk <= last; chunk += 1) chunks.add(chunk);
  }
  for (const chunk of [...chunks].sort((a, b) => a - b)) {
    const { first, end } = leavesOfChunk(chunk, sizeBytes);
    coverage.forget(first, end - first);
    await readLeaves(
      {
        disk: target,
        sizeBytes,
        digester,
        from: first,
        end,
        retry: defaultRetry,
        onLeaf: (leaf, digest) => void coverage.markLeaf(leaf, digest),
        onZeros: (from, count) => {
          for (let leaf = from; leaf < from + count; leaf += 1) coverage.markLeaf(leaf, zerosOf(leaf, sizeBytes));
        },
      },
      signal,
    );
  }
  const unknown = blocks(manifest.discarded, chunkBytes).filter(
    ({ offset }) => coverage.chunk(Math.floor(offset / chunkBytes)) === undefined,
  );
  return { ...manifest, discarded: unknown, applied: [...manifest.applied, ...applied] };
}

/** Proves a disk against its manifest. @throws transfer.manifest_size, transfer.verify_mismatch. */
export async function verifyAgainstManifest(
  open: (signal: AbortSignal) => Promise<Disk>,
  manifest: Manifest,
  signal: AbortSignal,
  onProgress?: (bytesDone: number, bytesTotal: number) => void,
): Promise<VerifyResult> {
  const { coverage, disk } = manifest;
  const checkedOpen = async (inner: AbortSignal): Promise<Disk> => {
    const opened = await open(inner);
    if (opened.sizeBytes >= coverage.sizeBytes) return opened;
    await opened.close();
    const params = { disk, expected: coverage.sizeBytes, found: opened.sizeBytes };
    throw new WherryError('transfer.manifest_size', params);
  };
  return verifyDisk(
    {
      diskId: disk,
      open: checkedOpen,
      coverage,
      discarded: manifest.discarded,
      ...(onProgress === undefined ? {} : { onProgress }),
    },
    signal,
  );
}

function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
