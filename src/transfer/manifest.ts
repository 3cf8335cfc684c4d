/**
 * The digest manifest of a target copy: what proves its disks, downloaded from the server, checked by `wherry verify`. JSON
 * lines, so that 16 TiB need no document of their own; a section for each disk, one after the other (docs/manifest.md):
 *
 *     {"wherry":"manifest","version":1,"disk":…,"sizeBytes":…,"leafBytes":4194304,"leavesPerChunk":16,"algorithm":"sha256",…}
 *     {"chunk":7,"digest":"<hex>"}          SHA-256 over the SHA-256 of the chunk's leaves
 *     {"chunk":9,"digest":…,"source":…}     changed by the conversion: `digest` is the disk's, `source` what was copied
 *     {"zeros":8,"count":100}               chunks 8 to 107 are all zeros
 *     {"leaf":1600,"digest":"<hex>"}        a leaf of a chunk that has discarded leaves
 *     {"discarded":[offset,length]}         not copied: the conversion trimmed it
 *     {"applied":[offset,length]}           changed by the conversion; digests are those afterwards
 *     {"end":true,"lines":<lines of this section before this one>}
 */
import Type from 'typebox';
import type { Coverage } from './coverage.ts';
import { chunkCount, chunkRange, leafBytes, leavesPerChunk, zeroChunkDigest } from './digest.ts';
import type { Range } from './disk.ts';

export type Manifest = {
  readonly disk: string;
  readonly coverage: Coverage;
  readonly discarded: readonly Range[];
  readonly applied: readonly Range[];
  /** Digests of the source where the disk's own are others now, by chunk. */
  readonly sources?: ReadonlyMap<number, Buffer>;
  /** For people, and to find it again; checks nothing. */
  readonly about?: ManifestAbout;
};

const Hex = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Index = Type.Integer({ minimum: 0, maximum: 2 ** 32 });
const Span = Type.Tuple([
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
]);
const exact = { additionalProperties: false };
const Text = Type.String({ maxLength: 1024 });
const about = {
  /** The disk's name at the source, and its VM's. */
  name: Type.Optional(Text),
  vm: Type.Optional(Text),
  vmMigrationId: Type.Optional(Text),
  targetCopyId: Type.Optional(Text),
  /** The migration is completed: digests are those of the disk as it was handed over. */
  final: Type.Optional(Type.Boolean()),
};
export type ManifestAbout = Type.Static<Type.TObject<typeof about>>;
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
    ...about,
  },
  exact,
);
export const ManifestLine = Type.Union([
  Type.Object({ chunk: Index, digest: Hex, source: Type.Optional(Hex) }, exact),
  Type.Object({ zeros: Index, count: Type.Integer({ minimum: 1 }) }, exact),
  Type.Object({ leaf: Index, digest: Hex }, exact),
  Type.Object({ discarded: Span }, exact),
  Type.Object({ applied: Span }, exact),
  Type.Object({ end: Type.Literal(true), lines: Type.Integer({ minimum: 1 }) }, exact),
]);
export type ManifestLine = Type.Static<typeof ManifestLine>;

/** The lines of one disk's section, each without its line end. */
export function* writeManifest(manifest: Manifest): Generator<string> {
  const { coverage, sources } = manifest;
  const { sizeBytes } = coverage;
  let lines = 0;
  const line = (value: ManifestLine | Type.Static<typeof ManifestHead>): string => {
    lines += 1;
    return JSON.stringify(value);
  };
  const head = { wherry: 'manifest', version: 1, disk: manifest.disk, sizeBytes } as const;
  yield line({ ...head, leafBytes, leavesPerChunk, algorithm: 'sha256', ...manifest.about });
  let zeros = { first: 0, count: 0 };
  for (let chunk = 0; chunk < chunkCount(sizeBytes); chunk += 1) {
    const digest = coverage.chunk(chunk);
    const source = sources?.get(chunk);
    if (source === undefined && digest?.equals(zeroChunkDigest(chunkRange(chunk, sizeBytes).length)) === true) {
      if (zeros.count === 0) zeros = { first: chunk, count: 0 };
      zeros.count += 1;
      continue;
    }
    if (zeros.count > 0) yield line({ zeros: zeros.first, count: zeros.count });
    zeros = { first: 0, count: 0 };
    if (digest === undefined) continue;
    yield line({ chunk, digest: digest.toString('hex'), ...(source && { source: source.toString('hex') }) });
  }
  if (zeros.count > 0) yield line({ zeros: zeros.first, count: zeros.count });
  for (const { leaf, digest } of coverage.partial()) yield line({ leaf, digest: digest.toString('hex') });
  for (const { offset, length } of manifest.discarded) yield line({ discarded: [offset, length] });
  for (const { offset, length } of manifest.applied) yield line({ applied: [offset, length] });
  yield line({ end: true, lines });
}
