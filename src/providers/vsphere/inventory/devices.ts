/** Devices beside disks and NICs: what disks hang on, and what cannot come along. */
import type { InventoryDevice } from '../../../model/inventory.ts';
import { isA, isSubtype, isTypeName, type TypeName, type Vim } from '../vim25/schema.ts';
import { busOf, sharesBus } from './disks.ts';

/** Every VM has these; they say nothing. */
const ordinary: readonly TypeName[] = [
  'VirtualDisk',
  'VirtualPCIController',
  'VirtualPS2Controller',
  'VirtualSIOController',
  'VirtualKeyboard',
  'VirtualPointingDevice',
  'VirtualMachineVideoCard',
  'VirtualMachineVMCIDevice',
];

/** The first that fits decides. */
const kinds: readonly (readonly [TypeName, InventoryDevice['kind']])[] = [
  ['VirtualSriovEthernetCard', 'sriov'],
  ['VirtualUSBController', 'usb-controller'],
  ['VirtualUSBXHCIController', 'usb-controller'],
  ['VirtualController', 'controller'],
  ['VirtualPCIPassthrough', 'passthrough'],
  ['VirtualSCSIPassthrough', 'passthrough'],
  ['VirtualUSB', 'usb'],
  ['VirtualTPM', 'tpm'],
  ['VirtualCdrom', 'cdrom'],
  ['VirtualFloppy', 'floppy'],
  ['VirtualSerialPort', 'serial'],
  ['VirtualParallelPort', 'parallel'],
  ['VirtualWDT', 'watchdog'],
];

export function devicesOf(devices: readonly Vim<'VirtualDevice'>[]): InventoryDevice[] {
  return devices.flatMap((device) => {
    const kind = kindOf(device);
    if (kind === null) return [];
    return [{ kind, type: device._type, name: device.deviceInfo?.label ?? device._type, detail: detailOf(device) }];
  });
}

/** Names of controllers whose bus other VMs may share. */
export function sharedBuses(devices: readonly Vim<'VirtualDevice'>[]): string[] {
  return devices.filter(sharesBus).map((device) => device.deviceInfo?.label ?? String(device.key));
}

function kindOf(device: Vim<'VirtualDevice'>): InventoryDevice['kind'] | null {
  const { _type: type } = device;
  let kind = kindByType.get(type);
  if (kind === undefined) {
    kind = kindOfType(type);
    // Only what the table has is kept: of a server's own words there is no end.
    if (isTypeName(type)) kindByType.set(type, kind);
  }
  return kind === 'passthrough' && device.backing?._type === 'VirtualPCIPassthroughVmiopBackingInfo' ? 'gpu' : kind;
}
/** A VM has a dozen devices, and each is asked for two dozen types. */
const kindByType = new Map<string, InventoryDevice['kind'] | null>();

function kindOfType(type: string): InventoryDevice['kind'] | null {
  if (ordinary.some((base) => isSubtype(type, base))) return null;
  const kind = kinds.find(([base]) => isSubtype(type, base))?.[1];
  if (kind !== undefined) return kind;
  return isSubtype(type, 'VirtualEthernetCard') ? null : 'other';
}

function detailOf(device: Vim<'VirtualDevice'>): string {
  const bus = busOf(device);
  if (bus !== 'unknown') return bus;
  const { backing } = device;
  if (isA(backing, 'VirtualDeviceFileBackingInfo')) return backing.fileName;
  if (isA(backing, 'VirtualDeviceDeviceBackingInfo')) return backing.deviceName;
  if (isA(backing, 'VirtualDeviceRemoteDeviceBackingInfo')) return backing.deviceName;
  return isA(backing, 'VirtualPCIPassthroughVmiopBackingInfo') ? (backing.vgpu ?? '') : '';
}
