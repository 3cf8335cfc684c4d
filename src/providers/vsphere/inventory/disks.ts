/** From VirtualDisk devices to our disks. */
import type { InventoryDisk } from '../../../model/inventory.ts';
import { isA, type Vim } from '../vim25/schema.ts';
import type { Places } from './places.ts';

export type DiskContext = {
  readonly devices: readonly Vim<'VirtualDevice'>[];
  /** Names in lower case. */
  readonly extraConfig: ReadonlyMap<string, string>;
  readonly changeTracking: boolean | null;
  readonly layout: Vim<'VirtualMachineFileLayoutEx'> | undefined;
  readonly places: Pick<Places, 'name'>;
};

type Bus = InventoryDisk['bus'];

export function disksOf(context: DiskContext): InventoryDisk[] {
  return context.devices.flatMap((device) => (isA(device, 'VirtualDisk') ? [diskOf(device, context)] : []));
}

function diskOf(disk: Vim<'VirtualDisk'>, context: DiskContext): InventoryDisk {
  const controller = context.devices.find(({ key }) => key === disk.controllerKey);
  const bus = busOf(controller);
  const busNumber = isA(controller, 'VirtualController') ? controller.busNumber : 0;
  const unit = Math.max(0, disk.unitNumber ?? 0);
  const backing = backingOf(disk.backing);
  return {
    id: String(disk.key),
    name: disk.deviceInfo?.label ?? `Disk ${disk.key}`,
    sizeBytes: sizeOf(disk),
    usedBytes: usedBytesOf(disk.key, context.layout),
    bus,
    controller: Math.max(0, busNumber),
    unit,
    storageRef: backing.storageRef,
    storage: context.places.name(backing.storageRef ?? undefined),
    path: backing.path,
    format: 'vmdk',
    mode: backing.mode,
    shared: backing.multiWriter || sharesBus(controller),
    rdm: backing.rdm,
    encrypted: backing.encrypted,
    changeTracking: changeTrackingOf(`${bus}${busNumber}:${unit}`, context),
    backingDepth: backing.depth,
    serial: backing.uuid,
  };
}

export function busOf(controller: Vim<'VirtualDevice'> | undefined): Bus {
  if (isA(controller, 'VirtualSCSIController')) return 'scsi';
  if (isA(controller, 'VirtualSATAController')) return 'sata';
  if (isA(controller, 'VirtualNVMEController')) return 'nvme';
  return isA(controller, 'VirtualIDEController') ? 'ide' : 'unknown';
}

/** Whether other VMs may be on the same bus. */
export function sharesBus(controller: Vim<'VirtualDevice'> | undefined): boolean {
  if (!isA(controller, 'VirtualSCSIController') && !isA(controller, 'VirtualNVMEController')) return false;
  return controller.sharedBus !== undefined && controller.sharedBus !== 'noSharing';
}

function sizeOf(disk: Vim<'VirtualDisk'>): number | null {
  const size = disk.capacityInBytes ?? disk.capacityInKB * 1024;
  return Number.isSafeInteger(size) && size >= 0 ? size : null;
}

/** Nothing in a disk's device tells of its change tracking: the configuration does, by the place of the disk. */
function changeTrackingOf(place: string, { extraConfig, changeTracking }: DiskContext): boolean | null {
  const own = extraConfig.get(`${place}.ctkenabled`);
  if (changeTracking === null && own === undefined) return null;
  return changeTracking !== false && own?.toLowerCase() === 'true';
}

/** Of all images of its chain, descriptors included. */
function usedBytesOf(key: number, layout: Vim<'VirtualMachineFileLayoutEx'> | undefined): number | null {
  const disk = layout?.disk.find((one) => one.key === key);
  if (layout === undefined || disk === undefined) return null;
  const keys = new Set(disk.chain.flatMap(({ fileKey }) => fileKey));
  const files = layout.file.filter((file) => keys.has(file.key));
  return files.length === 0 ? null : files.reduce((sum, { size }) => sum + Math.max(0, size), 0);
}

type Backing = {
  storageRef: string | null;
  path: string | null;
  mode: string;
  multiWriter: boolean;
  rdm: 'virtual' | 'physical' | null;
  encrypted: boolean;
  depth: number;
  uuid: string;
};

function backingOf(backing: Vim<'VirtualDeviceBackingInfo'> | undefined): Backing {
  const found: Backing = {
    storageRef: null,
    path: null,
    mode: '',
    multiWriter: false,
    rdm: null,
    encrypted: false,
    depth: depthOf(backing),
    uuid: '',
  };
  // What several kinds of backing have, read where it is: the kinds differ by year, not by meaning.
  const any: Readonly<Record<string, unknown>> = { ...backing };
  if (typeof any['diskMode'] === 'string') found.mode = any['diskMode'];
  if (typeof any['uuid'] === 'string') found.uuid = any['uuid'];
  found.multiWriter = any['sharing'] === 'sharingMultiWriter';
  found.encrypted = any['keyId'] !== undefined;
  if (isA(backing, 'VirtualDeviceFileBackingInfo')) {
    found.storageRef = backing.datastore?.value ?? null;
    found.path = backing.fileName;
  } else if (isA(backing, 'VirtualDeviceDeviceBackingInfo')) {
    found.path = backing.deviceName;
  }
  if (isA(backing, 'VirtualDiskRawDiskMappingVer1BackingInfo')) {
    found.rdm = backing.compatibilityMode === 'virtualMode' ? 'virtual' : 'physical';
  } else if (isA(backing, 'VirtualDiskRawDiskVer2BackingInfo')) {
    found.rdm = 'physical';
  }
  return found;
}

function depthOf(backing: object | undefined): number {
  let depth = 0;
  for (let at: unknown = backing; at instanceof Object && 'parent' in at && at.parent !== undefined; at = at.parent) {
    depth += 1;
  }
  return depth;
}
