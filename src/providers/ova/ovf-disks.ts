import type { VmDisk } from '../../model/vm.ts';
import type { Bad, OvfDisk, OvfFile } from './ovf.ts';
import { toBytes } from './units.ts';
import { attribute, childOf, childrenOf, type Element } from './xml.ts';

/** The disks by id: those of the disk section, and under `file:ID` every file, which a drive may name directly. */
export function readDisks(envelope: Element, bad: Bad): Map<string, OvfDisk> {
  const files = readFiles(envelope, bad);
  const disks = new Map<string, OvfDisk>();
  for (const file of files.values()) disks.set(`file:${file.id}`, diskOfFile(file));
  const section = childOf(envelope, 'ovf', 'DiskSection');
  for (const element of section === null ? [] : childrenOf(section, 'ovf', 'Disk')) {
    const disk = readDisk(element, files, bad);
    if (disks.has(disk.id)) throw bad(`two disks have the id ${disk.id}`);
    disks.set(disk.id, disk);
  }
  return disks;
}

function readFiles(envelope: Element, bad: Bad): Map<string, OvfFile> {
  const files = new Map<string, OvfFile>();
  const references = childOf(envelope, 'ovf', 'References');
  for (const element of references === null ? [] : childrenOf(references, 'ovf', 'File')) {
    const id = attribute(element, 'ovf', 'id');
    const href = attribute(element, 'ovf', 'href');
    if (id === null || href === null || href === '') throw bad('a file in References has no id or no href');
    if (files.has(id)) throw bad(`two files have the id ${id}`);
    files.set(id, {
      id,
      href,
      sizeBytes: wholeNumber(attribute(element, 'ovf', 'size')),
      compression: attribute(element, 'ovf', 'compression')?.toLowerCase() ?? 'identity',
      chunkBytes: wholeNumber(attribute(element, 'ovf', 'chunkSize')),
    });
  }
  return files;
}

function readDisk(element: Element, files: ReadonlyMap<string, OvfFile>, bad: Bad): OvfDisk {
  const id = attribute(element, 'ovf', 'diskId');
  if (id === null || id === '') throw bad('a disk has no diskId');
  const fileRef = attribute(element, 'ovf', 'fileRef') ?? '';
  // oVirt's export domains name "group/image" where the file's id is "image".
  const file = files.get(fileRef) ?? files.get(fileRef.slice(fileRef.lastIndexOf('/') + 1)) ?? null;
  if (fileRef !== '' && file === null) throw bad(`disk ${id} refers to the file ${fileRef}, which References lacks`);
  const uri = attribute(element, 'ovf', 'format') ?? '';
  const volume = attribute(element, 'ovf', 'volume-format');
  const parentRef = attribute(element, 'ovf', 'parentRef') ?? '';
  return {
    id,
    name: attribute(element, 'ovf', 'disk-alias'),
    file,
    capacityBytes: readCapacity(element),
    format: formatOf(uri, volume, file?.href ?? ''),
    formatText: uri === '' ? `none, and its file is called ${file?.href ?? ''}` : uri,
    // oVirt writes an empty one, or that of its "blank" template.
    parentRef: /^[0-]*$/.test(parentRef) ? null : parentRef,
    bus: ovirtBus(attribute(element, 'ovf', 'disk-interface')),
    // oVirt's word, and that of the Xen tools.
    boots: (attribute(element, 'ovf', 'boot') ?? attribute(element, 'xen', 'isBootable'))?.toLowerCase() === 'true',
  };
}

function diskOfFile(file: OvfFile): OvfDisk {
  const nothing = { name: null, capacityBytes: null, parentRef: null, bus: null, boots: false };
  const formatText = `none, and its file is called ${file.href}`;
  return { ...nothing, id: `file:${file.id}`, file, format: formatOf('', null, file.href), formatText };
}

function readCapacity(element: Element): number | null {
  const capacity = attribute(element, 'ovf', 'capacity');
  if (capacity !== null) return toBytes(capacity, attribute(element, 'ovf', 'capacityAllocationUnits') ?? 'byte');
  const gibibytes = attribute(element, 'ovf', 'size'); // oVirt's export domains
  return gibibytes === null ? null : toBytes(gibibytes, 'byte * 2^30');
}

/**
 * The declared format; null when it is not one of ours. oVirt's word (`volume-format`) counts more than its URI: it writes
 * the URI of a VMDK on raw disks.
 */
export function formatOf(uri: string, volumeFormat: string | null, href: string): VmDisk['format'] | null {
  if (volumeFormat?.toUpperCase() === 'RAW') return 'raw';
  if (volumeFormat?.toUpperCase() === 'COW') return 'qcow2';
  const text = uri.toLowerCase();
  if (text.includes('vmdk')) return 'vmdk';
  if (text.includes('qcow')) return 'qcow2';
  if (text.includes('vhdx')) return 'vhdx';
  if (/vhd|virtualserver|linkid=137171/.test(text)) return 'vhd';
  if (/wikipedia\.org\/wiki\/byte|\braw\b/.test(text)) return 'raw';
  if (text !== '') return null;
  const extension = /\.(\w+)(\.gz)?$/.exec(href.toLowerCase())?.[1] ?? '';
  return byExtension.get(extension) ?? null;
}

const byExtension: ReadonlyMap<string, VmDisk['format']> = new Map([
  ['vmdk', 'vmdk'],
  ['qcow2', 'qcow2'],
  ['vhd', 'vhd'],
  ['vhdx', 'vhdx'],
  ['raw', 'raw'],
  ['img', 'raw'],
]);

function ovirtBus(text: string | null): VmDisk['bus'] | null {
  const bus = text?.toLowerCase().replaceAll(/[^a-z]/g, '') ?? '';
  if (bus === 'ide' || bus === 'sata') return bus;
  if (bus === 'virtio') return 'virtio';
  return bus === 'virtioscsi' || bus === 'spaprvscsi' || bus === 'scsi' ? 'scsi' : null;
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : null;
}
