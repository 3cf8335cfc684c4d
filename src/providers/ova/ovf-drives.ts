import type { Vm, VmDisk } from '../../model/vm.ts';
import type { Bad, OvfDisk, OvfDrive } from './ovf.ts';
import { type Item, resourceType } from './ovf-items.ts';
import { attribute, childrenOf, type Element, textOf } from './xml.ts';

type Controller = { readonly bus: VmDisk['bus']; readonly index: number };

/** The VM's disks, in their order in the OVF, each with its place (controller, unit) and turn at boot. */
export function readDrives(
  items: readonly Item[],
  system: Element,
  disks: ReadonlyMap<string, OvfDisk>,
  origin: Vm['origin'],
  bad: Bad,
): { drives: OvfDrive[]; emptyDrives: string[] } {
  const controllers = readControllers(items);
  const turns = bootTurns(system);
  const drives: (OvfDrive & { readonly turn: number })[] = [];
  const emptyDrives: string[] = [];
  for (const item of items.filter(isDrive)) {
    const name = item.field('ElementName') ?? item.field('Caption') ?? `disk ${drives.length + 1}`;
    const resource = item.field('HostResource');
    if (resource === null) {
      emptyDrives.push(name);
      continue;
    }
    const disk = findDisk(resource, disks);
    if (disk === undefined) throw bad(`drive ${name} uses ${resource.slice(0, 200)}, which is not described`);
    if (drives.some((drive) => drive.id === disk.id)) throw bad(`two drives of one VM use disk ${disk.id}`);
    const controller = controllers.get(item.field('Parent') ?? '') ?? null;
    const bus = disk.bus ?? controller?.bus ?? defaultBus[origin];
    const index = controller?.index ?? 0;
    const neighbours = drives.filter((drive) => drive.bus === bus && drive.controller === index);
    const turn = turns.get(item.id) ?? ovirtTurn(item) ?? (disk.boots ? 1 : Number.POSITIVE_INFINITY);
    const unit = smallNumber(item.field('AddressOnParent')) ?? neighbours.length;
    drives.push({
      id: disk.id,
      name: disk.name ?? name,
      bus,
      controller: index,
      unit,
      bootOrder: null,
      disk,
      turn,
    });
  }
  return { drives: withBootOrder(drives), emptyDrives };
}

/** Elsewhere a storage extent may be the pool that a disk lies in: without a file of the OVF behind it, it is no drive. */
function isDrive(item: Item): boolean {
  const extent = item.type === resourceType.storageExtent && item.field('HostResource') !== null;
  return extent || item.type === resourceType.disk;
}

/** Where nothing is said, the first disk boots, as in every hypervisor's firmware. */
function withBootOrder(drives: readonly (OvfDrive & { readonly turn: number })[]): OvfDrive[] {
  const said = drives.filter(({ turn }) => Number.isFinite(turn)).sort((a, b) => a.turn - b.turn);
  const order = said.length > 0 ? said : drives.slice(0, 1);
  return drives.map((drive) => {
    const place = order.indexOf(drive);
    const { turn: _turn, ...rest } = drive;
    return { ...rest, bootOrder: place < 0 ? null : place + 1 };
  });
}

function readControllers(items: readonly Item[]): Map<string, Controller> {
  const controllers = new Map<string, Controller>();
  const used = new Map<VmDisk['bus'], Set<number>>();
  for (const item of items) {
    const bus = busOf(item);
    if (bus === null || item.id === '') continue;
    const taken = used.get(bus) ?? new Set();
    used.set(bus, taken);
    const address = smallNumber(item.field('Address'));
    const index = address !== null && !taken.has(address) ? address : firstFree(taken);
    taken.add(index);
    controllers.set(item.id, { bus, index });
  }
  return controllers;
}

function busOf(item: Item): VmDisk['bus'] | null {
  const subtype = item.subtype.toLowerCase();
  switch (item.type) {
    case resourceType.ide:
      return 'ide';
    case resourceType.scsi:
      return 'scsi';
    case resourceType.usb:
      return 'usb';
    case resourceType.nvme:
      return 'nvme';
    case resourceType.storage:
      if (subtype.includes('nvme')) return 'nvme';
      return subtype.includes('scsi') ? 'scsi' : 'sata';
    default:
      return null;
  }
}

/** `ovf:/disk/ID`, `/disk/ID` (VirtualBox), `ovf://disk/ID` (old VMware), `ovf:/file/ID`; oVirt's export domains: `group/image`. */
function findDisk(resource: string, disks: ReadonlyMap<string, OvfDisk>): OvfDisk | undefined {
  const [, kind, id = ''] = /^(?:ovf:)?\/{1,2}(disk|file)\/(.*)$/.exec(resource) ?? [];
  if (kind === 'disk') return disks.get(id);
  if (kind === 'file') return disks.get(`file:${id}`);
  return disks.get(resource) ?? disks.get(resource.slice(resource.lastIndexOf('/') + 1));
}

/** VMware: sections after the hardware, in order, name items by their id. */
function bootTurns(system: Element): Map<string, number> {
  const turns = new Map<string, number>();
  for (const section of childrenOf(system, 'vmw', 'BootOrderSection')) {
    const id = attribute(section, 'vmw', 'instanceId');
    if (id !== null && !turns.has(id)) turns.set(id, turns.size + 1);
  }
  return turns;
}

function ovirtTurn(item: Item): number | null {
  const turn = smallNumber(textOf(item.element, 'ovf', 'BootOrder'));
  return turn === null || turn === 0 ? null : turn;
}

const defaultBus: Readonly<Record<Vm['origin'], VmDisk['bus']>> = {
  vmware: 'scsi',
  virtualbox: 'sata',
  ovirt: 'virtio',
  xen: 'xen',
  kvm: 'virtio',
  hyperv: 'ide',
  unknown: 'scsi',
};

function smallNumber(text: string | null): number | null {
  return text !== null && /^\d{1,4}$/.test(text) ? Number(text) : null;
}

function firstFree(taken: ReadonlySet<number>): number {
  let index = 0;
  while (taken.has(index)) index += 1;
  return index;
}
