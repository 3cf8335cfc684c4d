/**
 * What a user asks for: where a VM comes from, where it goes, and how. These schemas are the API's, the CLI's, the
 * console's and the worker's; a VM migration keeps its own copy, frozen when the migration was made.
 */
import Type from 'typebox';
import { StringEnum } from './schema.ts';

const Path = Type.String({ minLength: 1, maxLength: 4096, pattern: '^/' });

/** An OVA file, or a directory with an OVF and its disks. Absolute path on the worker. */
export const OvaSource = Type.Object({ type: Type.Literal('ova'), path: Path }, { additionalProperties: false });

/** Bare disk images: one VM made of them. The format is never guessed by a tool; ours looks and says. */
export const FilesSource = Type.Object(
  {
    type: Type.Literal('files'),
    paths: Type.Array(Path, { minItems: 1, maxItems: 64 }),
    name: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
/** A libvirt domain's XML; its disks lie in the same directory, whatever paths it gives for them. */
export const DomainSource = Type.Object({ type: Type.Literal('domain'), path: Path }, { additionalProperties: false });
/**
 * A file on a web server, read in place by parts (Range): an OVA, an OVF with its disks beside it, or a bare disk image.
 * `provider`: the store of that server, whose account, password and certificate rule are used; without it, none and the
 * system's authorities.
 */
export const WebSource = Type.Object(
  {
    type: Type.Literal('web'),
    url: Type.String({ minLength: 1, maxLength: 4096, pattern: '^https?://[^\\s#]+$' }),
    provider: Type.Optional(Type.String({ format: 'uuid' })),
  },
  { additionalProperties: false },
);
export const SourceSpec = Type.Union([OvaSource, FilesSource, DomainSource, WebSource]);
export type SourceSpec = Type.Static<typeof SourceSpec>;

const DiskFormat = StringEnum(['qcow2', 'raw']);

export const LibvirtTarget = Type.Object(
  {
    type: Type.Literal('libvirt'),
    uri: Type.String({ default: 'qemu:///system' }),
    pool: Type.String({ default: 'default' }),
    format: DiskFormat,
    /** Source network name → libvirt network or bridge (`br0`); `*` is the default for all others. */
    networks: Type.Record(Type.String(), Type.String()),
  },
  { additionalProperties: false },
);
export const FilesTarget = Type.Object(
  {
    type: Type.Literal('files'),
    directory: Path,
    format: DiskFormat,
    /** Raw images compressed by gzip (`NAME-disk0.raw.gz`), to keep or to ship; only with `format: raw`. */
    compressed: Type.Optional(Type.Boolean()),
    networks: Type.Record(Type.String(), Type.String()),
  },
  { additionalProperties: false },
);
export const TargetSpec = Type.Union([LibvirtTarget, FilesTarget]);
export type TargetSpec = Type.Static<typeof TargetSpec>;

export const MigrationOptions = Type.Object(
  {
    /** auto: only where the source's hypervisor is not KVM. */
    conversion: StringEnum(['auto', 'always', 'never']),
    verify: StringEnum(['full', 'none']),
    /** `as-source` means on for a source that has no power state (files). */
    power: StringEnum(['as-source', 'on', 'off']),
    /**
     * When it fails: `remove` (default) takes away what was made; `keep` leaves the disks at the target for a retry, which
     * then copies nothing again. A VM that has run is always removed with its disks: they are no copy any more.
     */
    onFailure: Type.Optional(StringEnum(['remove', 'keep'])),
  },
  { additionalProperties: false },
);
export type MigrationOptions = Type.Static<typeof MigrationOptions>;

/** One VM in a migration. `vm`: its id or name in the source; null when the source holds just one. */
export const VmMigrationSpec = Type.Object(
  {
    source: SourceSpec,
    vm: Type.Union([Type.String(), Type.Null()]),
    target: TargetSpec,
    /** Its name at the target; null: as at the source. */
    targetName: Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Null()]),
    options: MigrationOptions,
  },
  { additionalProperties: false },
);
export type VmMigrationSpec = Type.Static<typeof VmMigrationSpec>;
