import type { Concern } from '../../model/concern.ts';
import type { ImageFacts } from '../../transfer/disk.ts';
import type { ManifestCheck } from './manifest.ts';
import type { Ovf, OvfDrive, OvfSystem } from './ovf.ts';
import type { Package, PackageFile } from './package.ts';

/** What the OVF says of a disk and what is really there. */
export type Finding = {
  readonly drive: OvfDrive;
  readonly file: PackageFile | null;
  readonly facts: ImageFacts | null;
};

/** What deserves a word about a VM of a package: where OVF and files disagree, and what cannot be checked. */
export function findConcerns(
  packed: Package,
  { unusedFiles }: Ovf,
  system: OvfSystem,
  findings: readonly Finding[],
  manifest: readonly ManifestCheck[] | null,
  memoryBytes: number,
): Concern[] {
  const vm = system.name;
  const { path } = packed;
  const concerns: Concern[] = [];
  const add = (severity: Concern['severity'], code: string, params: Concern['params']): void => {
    concerns.push({ code, severity, params });
  };
  if (system.memoryBytes === null) add('warning', 'ova.memory_unknown', { vm, bytes: memoryBytes });
  // A VM that comes without any disk is none, and the one that is described is most likely its own.
  const unused = system.drives.length === 0 ? 'critical' : 'warning';
  for (const file of unusedFiles) add(unused, 'ova.disk_unused', { path, vm, file });
  for (const disk of system.emptyDrives) add('information', 'ova.drive_ignored', { vm, disk });
  for (const { drive, file, facts } of findings) {
    const disk = drive.name;
    const declared = drive.disk.capacityBytes;
    if (facts === null) add('information', 'ova.disk_empty', { vm, disk, bytes: declared ?? 0 });
    else if (declared !== null && declared !== facts.virtualSizeBytes) {
      // oVirt writes whole GiB.
      const severity = system.origin === 'ovirt' ? 'information' : 'warning';
      add(severity, 'ova.capacity_differs', { vm, disk, declared, actual: facts.virtualSizeBytes });
    }
    const size = drive.disk.file?.sizeBytes ?? null;
    // oVirt writes what the image took on its storage.
    if (file !== null && size !== null && size !== file.lengthBytes && system.origin !== 'ovirt') {
      add('warning', 'ova.size_differs', { vm, file: file.name, declared: size, actual: file.lengthBytes });
    }
    if (file !== null && manifest !== null && !manifest.some((check) => check.file === file)) {
      add('warning', 'ova.member_unlisted', { path, member: file.name });
    }
  }
  if (manifest !== null && !manifest.some((check) => check.file === packed.descriptor)) {
    add('warning', 'ova.member_unlisted', { path, member: packed.descriptor.name });
  }
  if (packed.certificate !== null) {
    add('information', 'ova.certificate_unchecked', { path, member: packed.certificate.name });
  }
  return concerns;
}
