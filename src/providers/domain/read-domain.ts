/** The other way round: what a libvirt domain's XML says of a VM whose disks lie beside it as files. Pure. */
import type { Vm, VmDisk } from '../../model/vm.ts';
import { bytesOf, firmwareOf, originOf, osOf, whole } from './values.ts';
import { allXml, findXml, type XmlElement } from './xml.ts';

/** A disk of the domain, and the file that it names: on the host that the XML came from, that is. */
export type DomainDisk = Omit<VmDisk, 'sizeBytes' | 'storedBytes' | 'access'> & { readonly file: string };
export type DomainVm = { readonly vm: Omit<Vm, 'disks'>; readonly disks: readonly DomainDisk[] };

const most = { disks: 256, nics: 256 };
/** `libvirt`'s names of formats that we read; anything else is no format of ours. */
const formats: Readonly<Record<string, VmDisk['format']>> = {
  raw: 'raw',
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vpc: 'vhd',
  vhdx: 'vhdx',
};
const buses: ReadonlySet<string> = new Set(['ide', 'sata', 'scsi', 'nvme', 'virtio', 'xen', 'usb']);

/**
 * @throws Error that says what is wrong: no domain, no name, a disk that is no file, a format that is not read, more
 * devices than a VM has
 */
export function readDomain(xml: XmlElement): DomainVm {
  if (xml.name !== 'domain') throw new Error(`its root is ${xml.name}, not domain`);
  const name = textOf(xml, 'name');
  if (name === '') throw new Error('it has no name');
  const disks = allXml(xml, 'devices', 'disk').filter(isDisk);
  const nics = allXml(xml, 'devices', 'interface');
  if (disks.length > most.disks || nics.length > most.nics) throw new Error('it has more devices than a VM has');
  const cores = whole(findXml(xml, 'cpu', 'topology')?.attributes['cores']);
  const memory = findXml(xml, 'memory');
  return {
    vm: {
      id: textOf(xml, 'uuid') || name,
      name,
      description: textOf(xml, 'description'),
      origin: originOf(xml),
      cpus: Math.max(1, whole(textOf(xml, 'vcpu'))),
      coresPerSocket: cores,
      memoryBytes: bytesOf(memory?.text, memory?.attributes['unit']),
      firmware: firmwareOf(xml),
      os: osOf(xml),
      nics: nics.map((nic, index) => {
        const mac = findXml(nic, 'mac')?.attributes['address']?.toLowerCase() ?? '';
        const source = findXml(nic, 'source')?.attributes ?? {};
        return {
          id: `nic-${index + 1}`,
          mac: /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) ? mac : null,
          network: source['network'] ?? source['bridge'] ?? source['dev'] ?? nic.attributes['type'] ?? '',
          model: findXml(nic, 'model')?.attributes['type'] ?? null,
          connected: findXml(nic, 'link')?.attributes['state'] !== 'down',
        };
      }),
    },
    disks: disks.map((disk, index) => diskOf(disk, index, bootDevices(xml))),
  };
}

/** CD and floppy drives are no disks of the VM. */
function isDisk(disk: XmlElement): boolean {
  return ['disk', 'lun', undefined].includes(disk.attributes['device']);
}

function diskOf(disk: XmlElement, index: number, boots: readonly string[]): DomainDisk {
  const target = findXml(disk, 'target')?.attributes ?? {};
  const id = target['dev'] ?? `disk-${index + 1}`;
  const file = findXml(disk, 'source')?.attributes['file'] ?? '';
  if (file === '') throw new Error(`its disk ${id} is not in a file`);
  const driver = findXml(disk, 'driver')?.attributes['type'] ?? 'raw';
  const format = formats[driver];
  if (format === undefined) throw new Error(`its disk ${id} is in the format ${driver}`);
  const bus = target['bus'] ?? '';
  const address = findXml(disk, 'address')?.attributes ?? {};
  const order = whole(findXml(disk, 'boot')?.attributes['order']);
  const bootOrder = order > 0 ? order : boots.includes('hd') && index === 0 ? boots.indexOf('hd') + 1 : null;
  return {
    id,
    name: id,
    file,
    format,
    bus: buses.has(bus) ? (bus as VmDisk['bus']) : 'virtio',
    controller: whole(address['controller']),
    unit: address['unit'] === undefined ? index : whole(address['unit']),
    bootOrder,
  };
}

function bootDevices(xml: XmlElement): string[] {
  return allXml(xml, 'os', 'boot').map((boot) => boot.attributes['dev'] ?? '');
}

function textOf(xml: XmlElement, name: string): string {
  return findXml(xml, name)?.text.trim() ?? '';
}
