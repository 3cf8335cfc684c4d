/** Devices of a domain's XML that are worth knowing: what cannot come along, and what disks hang on. Pure. */
import type { InventoryDevice } from '../../../model/inventory.ts';
import { allXml, findXml, type XmlElement } from '../../domain/xml.ts';
import { pathOf, targetOf } from './disks.ts';

export function describeDevices(domain: XmlElement): InventoryDevice[] {
  const all = (name: string): readonly XmlElement[] => allXml(domain, 'devices', name);
  return [
    ...all('controller').map(controller),
    ...all('disk').flatMap(drive),
    ...all('hostdev').map(hostDevice),
    ...all('interface').flatMap((nic) => (nic.attributes['type'] === 'hostdev' ? [virtualFunction(nic)] : [])),
    ...all('tpm').map(tpm),
    ...all('watchdog').map((each) =>
      device('watchdog', each.attributes['model'] ?? '', each.attributes['action'] ?? ''),
    ),
    ...all('serial').map((each) => device('serial', each.attributes['type'] ?? '', portOf(each))),
    ...all('parallel').map((each) => device('parallel', each.attributes['type'] ?? '', portOf(each))),
    ...all('redirdev').map((each) => device('usb', `redirected ${each.attributes['type'] ?? ''}`.trim(), '')),
    ...all('filesystem').map((each) => {
      const source = findXml(each, 'source')?.attributes ?? {};
      return device('other', 'filesystem', source['dir'] ?? source['socket'] ?? '');
    }),
    ...all('shmem').map((each) => device('other', 'shmem', each.attributes['name'] ?? '')),
    ...all('smartcard').map((each) => device('other', 'smartcard', each.attributes['mode'] ?? '')),
    ...all('vsock').map((each) => device('other', 'vsock', each.attributes['model'] ?? '')),
  ];
}

function device(kind: InventoryDevice['kind'], type: string, detail: string, name = ''): InventoryDevice {
  return { kind, type, name, detail };
}

function controller(element: XmlElement): InventoryDevice {
  const { type = '', model = '', index = '0' } = element.attributes;
  const kind = type === 'usb' ? 'usb-controller' : 'controller';
  return device(kind, model === '' ? type : model, type, `${type}${index}`);
}

/** A drive, with the medium in it. */
function drive(element: XmlElement): InventoryDevice[] {
  const kind = element.attributes['device'];
  if (kind !== 'cdrom' && kind !== 'floppy') return [];
  const bus = findXml(element, 'target')?.attributes['bus'] ?? '';
  return [device(kind, bus, pathOf(element) ?? '', targetOf(element))];
}

function hostDevice(element: XmlElement): InventoryDevice {
  const { type = '', mode = '' } = element.attributes;
  const source = findXml(element, 'source');
  const address = source === undefined ? undefined : findXml(source, 'address')?.attributes;
  if (type === 'usb') {
    const ids = ['vendor', 'product'].map((name) => (source && findXml(source, name)?.attributes['id']) ?? '');
    return device('usb', 'hostdev', ids.join(':').replace(/^:$/, ''));
  }
  if (type === 'mdev') return device('gpu', element.attributes['model'] ?? 'mdev', address?.['uuid'] ?? '');
  return device('passthrough', type === '' ? mode : type, pciOf(address));
}

function virtualFunction(nic: XmlElement): InventoryDevice {
  const mac = findXml(nic, 'mac')?.attributes['address'] ?? '';
  return device('sriov', 'hostdev', pciOf(findXml(nic, 'source', 'address')?.attributes), mac);
}

function tpm(element: XmlElement): InventoryDevice {
  const backend = findXml(element, 'backend')?.attributes ?? {};
  return device(
    'tpm',
    element.attributes['model'] ?? '',
    [backend['type'], backend['version']].filter(Boolean).join(' '),
  );
}

function portOf(element: XmlElement): string {
  const source = findXml(element, 'source')?.attributes ?? {};
  return source['path'] ?? source['host'] ?? '';
}

/** 0000:06:12.5, as lspci writes it. */
function pciOf(address: Readonly<Record<string, string>> | undefined): string {
  if (address === undefined || address['slot'] === undefined) return '';
  const hex = (name: string, digits: number): string =>
    (/^0x[0-9a-f]+$/i.test(address[name] ?? '') ? (address[name] ?? '').slice(2) : '0').padStart(digits, '0');
  return `${hex('domain', 4)}:${hex('bus', 2)}:${hex('slot', 2)}.${hex('function', 1)}`;
}
