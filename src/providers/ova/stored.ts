import { WherryError } from '../../model/errors.ts';
import type { StoredImage } from '../../transfer/disk.ts';
import type { OvfDrive, OvfFile, OvfSystem } from './ovf.ts';
import type { Package, PackageFile } from './package.ts';

/** Where a disk's bytes are; null for an empty disk, which has none. */
export function storedImage(packed: Package, system: OvfSystem, drive: OvfDrive): StoredImage | null {
  const { disk } = drive;
  const who = { vm: system.name, disk: drive.name };
  if (disk.parentRef !== null) throw new WherryError('ova.disk_parent', who);
  if (disk.file === null) return null;
  const file = fileOfDisk(packed, disk.file, who);
  if (disk.format === null) throw new WherryError('ova.disk_format', { ...who, format: disk.formatText });
  return {
    path: file.path,
    offset: file.offset,
    lengthBytes: file.lengthBytes,
    remote: file.remote,
    format: disk.format,
    gzip: disk.file.compression === 'gzip',
    declaredSizeBytes: disk.capacityBytes,
    ...who,
    sibling: (name) => (isPlainName(name) ? packed.find(name) : null),
  };
}

/** @throws ova.disk_outside, ova.disk_missing, ova.chunked, ova.compression, ova.bad_member */
export function fileOfDisk(packed: Package, file: OvfFile, who: { vm: string; disk: string }): PackageFile {
  const params = { ...who, file: file.href, path: packed.path };
  const name = nameFromHref(file.href);
  if (name === null || (packed.kind === 'directory' && !isPlainName(name))) {
    throw new WherryError('ova.disk_outside', params);
  }
  if (file.compression !== 'gzip' && file.compression !== 'identity' && file.compression !== '') {
    throw new WherryError('ova.compression', { ...who, file: file.href, method: file.compression });
  }
  // Exactly as written first: a file may really be called "50%25.vmdk".
  const found = packed.find(file.href) ?? packed.find(name);
  if (found !== null) return found;
  if (file.chunkBytes === null) throw new WherryError('ova.disk_missing', params);
  const only = packed.find(`${name}.000000000`);
  if (only === null) throw new WherryError('ova.disk_missing', params);
  if (packed.find(`${name}.000000001`) !== null) throw new WherryError('ova.chunked', { ...who, file: file.href });
  return only;
}

/** The path relative to the OVF that a URI reference means; null when it leads elsewhere. */
export function nameFromHref(href: string): string | null {
  if (/^[a-z][a-z0-9+.-]*:/i.test(href)) return null;
  let name: string;
  try {
    name = decodeURIComponent(href);
  } catch {
    name = href;
  }
  name = name.replace(/^(\.\/+)+/, '');
  if (name === '' || name.startsWith('/') || name.includes('\0') || name.split('/').includes('..')) return null;
  return name;
}

function isPlainName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0');
}
