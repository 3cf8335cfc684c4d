import { WherryError } from '../../model/errors.ts';
import type { SourceSpec } from '../../model/spec.ts';
import type { Vm, VmDisk } from '../../model/vm.ts';
import type { ImageTools, StoredImage } from '../../transfer/disk.ts';
import { identityOfImage } from '../local/image-identity.ts';
import type { Source } from '../provider.ts';
import { type Finding, findConcerns } from './concerns.ts';
import { emptyDisk } from './empty-disk.ts';
import { checkManifest, type ManifestCheck, readManifest } from './manifest.ts';
import { type Ovf, type OvfDrive, type OvfSystem, parseOvf } from './ovf.ts';
import { openPackage, type Package, readPackageFile } from './package.ts';
import { fileOfDisk, nameFromHref, storedImage } from './stored.ts';
import { maxXmlBytes } from './xml.ts';

export type OvaSpec = Extract<SourceSpec, { type: 'ova' }>;

/** A VM whose OVF does not say how much memory it needs. */
const defaultMemoryBytes = 2 ** 30;
const maxEmptyDiskBytes = 2 ** 46;

/**
 * An OVA file, a directory with an OVF, or the OVF in it. Nothing is unpacked and no program started: reading the index, the
 * OVF and the heads of the disk images is all that happens before a disk is opened.
 * @throws source.*, ova.* for all that keeps the package from being read at all
 */
export async function createOvaSource(
  spec: OvaSpec,
  tools: ImageTools,
  signal: AbortSignal,
): Promise<Source & AsyncDisposable> {
  return packageSource(await openPackage(spec.path, signal), tools);
}

/** A package that is open, wherever it is. @throws as `createOvaSource` */
export async function packageSource(packed: Package, tools: ImageTools): Promise<Source & AsyncDisposable> {
  const data = await readPackageFile(packed, packed.descriptor, maxXmlBytes);
  const ovf = parseOvf(data, { path: packed.path, member: packed.descriptor.name });
  const { manifest } = packed;
  const checks = manifest === null ? null : await readManifest(packed, manifest);
  return {
    list: async () =>
      ovf.systems.map((system) => ({
        id: system.id,
        name: system.name,
        cpus: system.cpus,
        memoryBytes: system.memoryBytes ?? defaultMemoryBytes,
        diskCount: system.drives.length,
      })),
    describe: async (vmId, during) => {
      const system = findSystem(packed, ovf, vmId);
      return describeSystem(system, await inspectAll(packed, system, tools, during));
    },
    concerns: async (vm, during) => {
      const system = findSystem(packed, ovf, vm.id);
      const findings = await inspectAll(packed, system, tools, during);
      return findConcerns(packed, ovf, system, findings, checks, defaultMemoryBytes);
    },
    identity: async (vm, during) => {
      const system = findSystem(packed, ovf, vm.id);
      const entries = system.drives.map(async (drive) => {
        const stored = storedImage(packed, system, drive);
        return [drive.id, await identityOfDrive(drive, stored, tools, during)];
      });
      return Object.fromEntries(await Promise.all(entries));
    },
    openDisk: async (vm, diskId, directory, during) => {
      const system = findSystem(packed, ovf, vm.id);
      const drive = system.drives.find(({ id }) => id === diskId);
      if (drive === undefined) {
        throw new WherryError('source.disk_not_found', { vm: system.name, disk: diskId, path: packed.path });
      }
      const stored = storedImage(packed, system, drive);
      if (stored === null) return emptyDisk(emptySize(packed, system, drive));
      return tools.openStored(stored, directory, during);
    },
    ...(checks === null
      ? {}
      : {
          verifyManifest: (vm, progress, during) =>
            checkManifest(packed, checksFor(packed, ovf, vm, checks), progress, during),
        }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** By id, or by a name that only one has. */
function findSystem(packed: Package, ovf: Ovf, wanted: string | null): OvfSystem {
  const { path } = packed;
  const byId = ovf.systems.find(({ id }) => id === wanted);
  if (byId !== undefined) return byId;
  const [found, other] = wanted === null ? ovf.systems : ovf.systems.filter(({ name }) => name === wanted);
  const names = ovf.systems.map(({ id, name }) => (id === name ? name : `${name} (id ${id})`)).join(', ');
  if (found === undefined) throw new WherryError('source.vm_not_found', { vm: wanted ?? '', path, names });
  if (other !== undefined) throw new WherryError('source.vm_ambiguous', { path, names });
  return found;
}

async function inspectAll(
  packed: Package,
  system: OvfSystem,
  tools: ImageTools,
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const drive of system.drives) {
    signal.throwIfAborted();
    const stored = storedImage(packed, system, drive);
    if (stored === null) emptySize(packed, system, drive);
    const who = { vm: system.name, disk: drive.name };
    const file = drive.disk.file === null ? null : fileOfDisk(packed, drive.disk.file, who);
    findings.push({ drive, file, facts: stored === null ? null : await tools.inspect(stored, signal) });
  }
  return findings;
}

/** The image knows its size, where it was looked at; what the OVF says of it is only compared (see concerns). */
export function describeSystem(system: OvfSystem, findings: readonly Finding[]): Vm {
  const disks = findings.map(({ drive, file, facts }): VmDisk => {
    const { id, name, bus, controller, unit, bootOrder, disk } = drive;
    return {
      id,
      name,
      sizeBytes: facts === null ? disk.capacityBytes : facts.virtualSizeBytes,
      format: facts?.format ?? 'raw',
      storedBytes: file?.lengthBytes ?? 0,
      access: disk.file?.compression === 'gzip' ? 'sequential' : 'random',
      bus,
      controller,
      unit,
      bootOrder,
    };
  });
  const { drives: _drives, emptyDrives: _emptyDrives, facts: _facts, memoryBytes, ...rest } = system;
  return { ...rest, memoryBytes: memoryBytes ?? defaultMemoryBytes, disks };
}

function emptySize(packed: Package, system: OvfSystem, drive: OvfDrive): number {
  const bytes = drive.disk.capacityBytes;
  if (bytes !== null && bytes > 0 && bytes % 512 === 0 && bytes <= maxEmptyDiskBytes) return bytes;
  const problem = `disk ${drive.name} of VM ${system.name} has no file, and its capacity is ${bytes ?? 'not a number'}`;
  throw new WherryError('ova.bad_ovf', { path: packed.path, member: packed.descriptor.name, problem });
}

async function identityOfDrive(
  drive: OvfDrive,
  stored: StoredImage | null,
  tools: ImageTools,
  signal: AbortSignal,
): Promise<string> {
  if (stored === null) return `empty:${drive.disk.capacityBytes ?? 0}`;
  return `${await identityOfImage(stored, tools, signal)}@${stored.offset}+${stored.lengthBytes}`;
}

/** Everything that is listed but the disks of other VMs. */
function checksFor(packed: Package, ovf: Ovf, vm: Vm, checks: readonly ManifestCheck[]): ManifestCheck[] {
  const own = diskNames(findSystem(packed, ovf, vm.id));
  const foreign = new Set(ovf.systems.flatMap(diskNames).filter((name) => !own.includes(name)));
  return checks.filter(({ expected }) => !expected.some(({ name }) => foreign.has(name)));
}

function diskNames(system: OvfSystem): string[] {
  return system.drives.map(({ disk }) => (disk.file === null ? '' : (nameFromHref(disk.file.href) ?? '')));
}
