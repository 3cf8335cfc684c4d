/** Disks of a domain's XML. Pure. */
import type { InventoryDisk } from '../../../model/inventory.ts';
import { whole } from '../../domain/values.ts';
import { allXml, findXml, type XmlElement } from '../../domain/xml.ts';
import type { DiskState, HostContext, PoolPlace } from './context.ts';
import { positionOf, size, some } from './values.ts';

const buses: Readonly<Record<string, InventoryDisk['bus']>> = {
  ide: 'ide',
  sata: 'sata',
  scsi: 'scsi',
  nvme: 'nvme',
  virtio: 'virtio',
  xen: 'xen',
  usb: 'usb',
  fdc: 'floppy',
};

/** The elements that are disks, not drives with media. */
export function diskElements(domain: XmlElement): readonly XmlElement[] {
  return allXml(domain, 'devices', 'disk').filter((disk) => {
    const device = disk.attributes['device'] ?? 'disk';
    return device === 'disk' || device === 'lun';
  });
}

export function targetOf(disk: XmlElement): string {
  return findXml(disk, 'target')?.attributes['dev'] ?? '';
}

export function describeDisk(disk: XmlElement, state: DiskState | undefined, host: HostContext): InventoryDisk {
  const target = targetOf(disk);
  const path = pathOf(disk);
  const place = placeOf(disk, path, host.pools);
  const readOnly = findXml(disk, 'readonly') !== undefined;
  return {
    id: target,
    name: target,
    sizeBytes: size(state?.sizeBytes ?? undefined),
    usedBytes: size(state?.usedBytes ?? undefined),
    bus: buses[findXml(disk, 'target')?.attributes['bus'] ?? ''] ?? 'unknown',
    ...addressOf(disk, target),
    storageRef: place?.ref ?? null,
    storage: place?.name ?? null,
    path,
    format: formatOf(disk, host.driver),
    mode: readOnly ? 'readonly' : '',
    shared: findXml(disk, 'shareable') !== undefined,
    rdm: null,
    encrypted: findXml(disk, 'encryption') !== undefined || findXml(disk, 'source', 'encryption') !== undefined,
    changeTracking: null,
    backingDepth: Math.max(backingDepth(disk), state?.backingDepth ?? 0),
    serial: (findXml(disk, 'serial')?.text ?? '').trim(),
  };
}

/**
 * Where its bytes are, in libvirt's own words: a path on the host, `pool/volume`, or `rbd:pool/image`, `iscsi:iqn…/1`,
 * `nbd:name` for what is reached over a network.
 */
export function pathOf(disk: XmlElement): string | null {
  const source = findXml(disk, 'source');
  if (source === undefined) return null;
  const { attributes } = source;
  switch (disk.attributes['type'] ?? '') {
    case 'block':
      return some(attributes['dev']);
    case 'dir':
      return some(attributes['dir']);
    case 'volume':
      return some(attributes['volume']) === null ? null : `${attributes['pool'] ?? ''}/${attributes['volume']}`;
    case 'network': {
      const host = findXml(source, 'host')?.attributes['name'];
      return `${attributes['protocol'] ?? 'network'}:${attributes['name'] ?? host ?? ''}`;
    }
    case 'nvme':
      return `nvme:${attributes['namespace'] ?? ''}`;
    default:
      return some(attributes['file']) ?? some(attributes['path']);
  }
}

/** The pool whose volume it is: by name, else by the longest path that leads to it. */
function placeOf(disk: XmlElement, path: string | null, pools: readonly PoolPlace[]): PoolPlace | undefined {
  const source = findXml(disk, 'source')?.attributes ?? {};
  if (disk.attributes['type'] === 'volume') return pools.find((pool) => pool.name === source['pool']);
  if (disk.attributes['type'] === 'network') {
    const first = (source['name'] ?? '').split('/')[0];
    return pools.find(
      (pool) => pool.type === source['protocol'] && pool.sourceName !== '' && pool.sourceName === first,
    );
  }
  if (path === null || !path.startsWith('/')) return undefined;
  return pools
    .filter((pool) => pool.path !== '' && path.startsWith(`${pool.path.replace(/\/+$/, '')}/`))
    .sort((a, b) => b.path.length - a.path.length)[0];
}

/** Without a word about it QEMU is told raw; Xen's own back ends know nothing else. */
function formatOf(disk: XmlElement, driver: HostContext['driver']): string | null {
  const { type, name } = findXml(disk, 'driver')?.attributes ?? {};
  if (type === 'aio') return 'raw'; // Xen's old tap:aio
  if (type !== undefined) return type;
  return driver === 'qemu' || name === 'phy' || name === 'file' ? 'raw' : null;
}

/** An IDE controller has two channels of two; on others the unit is what it says. What has no address goes by its name. */
function addressOf(disk: XmlElement, target: string): { controller: number; unit: number } {
  const address = findXml(disk, 'address')?.attributes ?? {};
  if (address['type'] !== 'drive') return { controller: 0, unit: positionOf(target) };
  const isIde = findXml(disk, 'target')?.attributes['bus'] === 'ide';
  const unit = whole(address['unit']) + (isIde ? whole(address['bus']) * 2 : 0);
  return { controller: whole(address['controller']), unit };
}

/** As far as the XML tells: of a VM that runs, all of it. */
function backingDepth(disk: XmlElement): number {
  let depth = 0;
  for (let at = findXml(disk, 'backingStore'); at !== undefined && depth < 1_000; at = findXml(at, 'backingStore')) {
    if (findXml(at, 'source') === undefined) break;
    depth++;
  }
  return depth;
}
