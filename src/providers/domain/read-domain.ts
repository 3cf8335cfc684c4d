/** The other way round: what a libvirt domain's XML says of a VM whose disks lie beside it as files. Pure. */
import type { Firmware, Vm, VmDisk } from '../../model/vm.ts';
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
      origin: originOf(xml.attributes['type'] ?? ''),
      cpus: Math.max(1, whole(textOf(xml, 'vcpu'))),
      coresPerSocket: cores,
      memoryBytes: memory === undefined ? 0 : bytesOf(memory),
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

function originOf(type: string): Vm['origin'] {
  if (['kvm', 'qemu', 'hvf'].includes(type)) return 'kvm';
  return type === 'xen' || type === 'vmware' || type === 'hyperv' ? type : 'unknown';
}

function firmwareOf(xml: XmlElement): Firmware {
  const os = findXml(xml, 'os');
  const loader = os === undefined ? undefined : findXml(os, 'loader');
  const said = os?.attributes['firmware'];
  const isEfi = said === 'efi' || (said === undefined && loader?.attributes['type'] === 'pflash');
  const feature = (name: string): string | undefined =>
    allXml(xml, 'os', 'firmware', 'feature').find((each) => each.attributes['name'] === name)?.attributes['enabled'];
  const secure = feature('secure-boot') === 'yes' || loader?.attributes['secure'] === 'yes';
  return { type: isEfi ? 'efi' : 'bios', secureBoot: isEfi && secure && feature('enrolled-keys') !== 'no' };
}

function osOf(xml: XmlElement): Vm['os'] {
  const id = allXml(xml, 'metadata', 'libosinfo:libosinfo', 'libosinfo:os')[0]?.attributes['id'] ?? '';
  return { id, name: (/^https?:\/\/[^/]+\/(.+)$/.exec(id)?.[1] ?? '').replaceAll('/', ' ') };
}

/** libvirt's units: powers of 1024 but for those that end in B alone; KiB where nothing is said. */
function bytesOf(element: XmlElement): number {
  const unit = element.attributes['unit'] ?? 'KiB';
  const [, letter = '', thousands = ''] = /^([kmgt]?)(b|ib)?(?:ytes)?$/i.exec(unit) ?? [];
  const power = 'kmgt'.indexOf(letter.toLowerCase()) + (letter === '' ? 0 : 1);
  const base = thousands.toLowerCase() === 'b' && letter !== '' ? 1000 : 1024;
  const bytes = whole(element.text) * base ** power;
  return Number.isSafeInteger(bytes) ? bytes : 0;
}

function textOf(xml: XmlElement, name: string): string {
  return findXml(xml, name)?.text.trim() ?? '';
}

function whole(text: string | undefined): number {
  const value = /^\s*\d{1,15}\s*$/.test(text ?? '') ? Number(text) : 0;
  return Number.isSafeInteger(value) ? value : 0;
}
