/** A VM's devices from compact descriptions: controllers as they are needed, disks, NICs, and whatever else a test hangs on it. */
import { randomUUID } from 'node:crypto';
import { data, type Data, type Ref, type Value } from '../values.ts';

export type Bus = 'pvscsi' | 'lsilogic' | 'lsisas' | 'buslogic' | 'sata' | 'nvme' | 'ide';

export type DiskOptions = {
  readonly sizeBytes?: number;
  readonly bus?: Bus;
  /** Which controller of its kind, from 0. */
  readonly controller?: number;
  readonly unit?: number;
  readonly datastore?: Ref;
  /** `[datastore] folder/name.vmdk`; two disks with the same file share it. */
  readonly file?: string;
  readonly mode?: string;
  readonly thin?: boolean;
  readonly shared?: boolean;
  readonly busSharing?: 'noSharing' | 'virtualSharing' | 'physicalSharing';
  readonly rdm?: 'virtualMode' | 'physicalMode';
  /** Key of its encryption. */
  readonly keyId?: string;
  /** A linked clone: files it stands on, nearest first. */
  readonly parents?: readonly string[];
  readonly key?: number;
};

export type NicOptions = {
  readonly mac?: string;
  readonly network?: Ref;
  readonly type?: 'VirtualVmxnet3' | 'VirtualE1000' | 'VirtualE1000e' | 'VirtualPCNet32' | 'VirtualSriovEthernetCard';
  readonly connected?: boolean;
};

type Kind = { readonly type: string; readonly key: number; readonly scsi: boolean; readonly label: string };

const kinds: Readonly<Record<Bus, Kind>> = {
  pvscsi: { type: 'ParaVirtualSCSIController', key: 1000, scsi: true, label: 'SCSI controller' },
  lsilogic: { type: 'VirtualLsiLogicController', key: 1000, scsi: true, label: 'SCSI controller' },
  lsisas: { type: 'VirtualLsiLogicSASController', key: 1000, scsi: true, label: 'SCSI controller' },
  buslogic: { type: 'VirtualBusLogicController', key: 1000, scsi: true, label: 'SCSI controller' },
  sata: { type: 'VirtualAHCIController', key: 15_000, scsi: false, label: 'SATA controller' },
  nvme: { type: 'VirtualNVMEController', key: 31_000, scsi: false, label: 'NVME controller' },
  ide: { type: 'VirtualIDEController', key: 200, scsi: false, label: 'IDE' },
};

const describe = (label: string, summary: string): Data => data('Description', { label, summary });

/** How keys of disks begin on each kind of controller. */
const diskKeys: Readonly<Record<Bus, number>> = {
  pvscsi: 2000,
  lsilogic: 2000,
  lsisas: 2000,
  buslogic: 2000,
  sata: 16_000,
  nvme: 32_000,
  ide: 3000,
};

/** What every VM has. */
const always: readonly Data[] = [
  data('VirtualIDEController', { key: 200, deviceInfo: describe('IDE 0', 'IDE 0'), busNumber: 0 }),
  data('VirtualIDEController', { key: 201, deviceInfo: describe('IDE 1', 'IDE 1'), busNumber: 1 }),
  data('VirtualPS2Controller', {
    key: 300,
    deviceInfo: describe('PS2 controller 0', 'PS2 controller 0'),
    busNumber: 0,
  }),
  data('VirtualPCIController', {
    key: 100,
    deviceInfo: describe('PCI controller 0', 'PCI controller 0'),
    busNumber: 0,
  }),
  data('VirtualSIOController', {
    key: 400,
    deviceInfo: describe('SIO controller 0', 'SIO controller 0'),
    busNumber: 0,
  }),
  data('VirtualKeyboard', {
    key: 600,
    deviceInfo: describe('Keyboard', 'Keyboard'),
    controllerKey: 300,
    unitNumber: 0,
  }),
  data('VirtualPointingDevice', {
    key: 700,
    deviceInfo: describe('Pointing device', 'Pointing device; Device'),
    backing: data('VirtualPointingDeviceDeviceBackingInfo', { deviceName: '', hostPointingDevice: 'autodetect' }),
    controllerKey: 300,
    unitNumber: 1,
  }),
  data('VirtualMachineVideoCard', {
    key: 500,
    deviceInfo: describe('Video card ', 'Video card'),
    controllerKey: 100,
    unitNumber: 0,
    videoRamSizeInKB: 4096,
    numDisplays: 1,
    useAutoDetect: false,
    enable3DSupport: false,
  }),
  data('VirtualMachineVMCIDevice', {
    key: 12_000,
    deviceInfo: describe('VMCI device', 'Device on the virtual machine PCI bus'),
    controllerKey: 100,
    unitNumber: 17,
    id: -1,
    allowUnrestrictedCommunication: false,
    filterEnable: true,
  }),
];

export type HardwarePlan = {
  readonly vmName: string;
  readonly datastore: Ref | undefined;
  readonly datastoreName: string;
  readonly disks: readonly DiskOptions[];
  readonly nics: readonly NicOptions[];
  readonly extra: readonly Data[];
  readonly nicBacking: (network: Ref | undefined) => Data;
  readonly macOf: (index: number) => string;
};

export function devices(plan: HardwarePlan): Data[] {
  const controllers = new Map<number, Data>();
  const units = new Map<number, number>();
  const disks = plan.disks.map((disk, index) => {
    const { type, key, scsi, label } = kinds[disk.bus ?? 'pvscsi'];
    const number = disk.controller ?? 0;
    const controllerKey = key + number;
    if (key !== kinds.ide.key && !controllers.has(controllerKey)) {
      controllers.set(
        controllerKey,
        data(type, {
          key: controllerKey,
          deviceInfo: describe(`${label} ${number}`, type),
          controllerKey: 100,
          unitNumber: 3 + number,
          busNumber: number,
          ...(scsi ? { hotAddRemove: true, sharedBus: disk.busSharing ?? 'noSharing', scsiCtlrUnitNumber: 7 } : {}),
        }),
      );
    }
    const next = units.get(controllerKey) ?? 0;
    const unit = disk.unit ?? (scsi && next === 7 ? 8 : next); // 7 is the SCSI controller itself
    units.set(controllerKey, unit + 1);
    return diskDevice(plan, disk, index, controllerKey, unit);
  });
  const nics = plan.nics.map((nic, index) => nicDevice(plan, nic, index));
  return [...always, ...controllers.values(), ...disks, ...nics, ...plan.extra];
}

function diskDevice(plan: HardwarePlan, disk: DiskOptions, index: number, controllerKey: number, unit: number): Data {
  const sizeBytes = disk.sizeBytes ?? 16 * 1024 ** 3;
  const suffix = index === 0 ? '' : `_${index}`;
  const file = disk.file ?? `[${plan.datastoreName}] ${plan.vmName}/${plan.vmName}${suffix}.vmdk`;
  const perController = disk.bus === 'sata' ? 30 : disk.bus === 'ide' ? 2 : 16;
  return data('VirtualDisk', {
    key: disk.key ?? diskKeys[disk.bus ?? 'pvscsi'] + (disk.controller ?? 0) * perController + unit,
    deviceInfo: describe(`Hard disk ${index + 1}`, `${(sizeBytes / 1024).toLocaleString('en-US')} KB`),
    backing: diskBacking(plan, disk, file),
    controllerKey,
    unitNumber: unit,
    capacityInKB: Math.floor(sizeBytes / 1024),
    capacityInBytes: sizeBytes,
    shares: data('SharesInfo', { shares: 1000, level: 'normal' }),
    diskObjectId: `1-${2000 + index}`,
  });
}

function diskBacking(plan: HardwarePlan, disk: DiskOptions, file: string): Data {
  const uuid = `6000C29${randomUUID().slice(7)}`;
  const sharing = disk.shared === true ? 'sharingMultiWriter' : 'sharingNone';
  const common = { datastore: disk.datastore ?? plan.datastore, diskMode: disk.mode ?? 'persistent', uuid, sharing };
  if (disk.rdm !== undefined) {
    return data('VirtualDiskRawDiskMappingVer1BackingInfo', {
      ...common,
      fileName: file,
      lunUuid: '02000000006006016012345678901234567890abcd565261494420',
      deviceName: 'vml.02000000006006016012345678901234567890abcd565261494420',
      compatibilityMode: disk.rdm,
    });
  }
  const keyId =
    disk.keyId === undefined
      ? undefined
      : data('CryptoKeyId', { keyId: disk.keyId, providerId: data('KeyProviderId', { id: 'kms' }) });
  const flat = (fileName: string, parent: Data | undefined): Data =>
    data('VirtualDiskFlatVer2BackingInfo', {
      ...common,
      fileName,
      split: false,
      writeThrough: false,
      thinProvisioned: disk.thin ?? true,
      parent,
      digestEnabled: false,
      keyId,
    });
  const parent = (disk.parents ?? []).reduceRight<Data | undefined>((below, name) => flat(name, below), undefined);
  return flat(file, parent);
}

function nicDevice(plan: HardwarePlan, nic: NicOptions, index: number): Data {
  const connected = nic.connected ?? true;
  return data(nic.type ?? 'VirtualVmxnet3', {
    key: 4000 + index,
    deviceInfo: describe(`Network adapter ${index + 1}`, 'network'),
    backing: plan.nicBacking(nic.network),
    connectable: data('VirtualDeviceConnectInfo', {
      migrateConnect: 'unset',
      startConnected: connected,
      allowGuestControl: true,
      connected,
      status: connected ? 'ok' : 'untried',
    }),
    controllerKey: 100,
    unitNumber: 7 + index,
    addressType: 'assigned',
    macAddress: nic.mac ?? plan.macOf(index),
    wakeOnLanEnabled: true,
    uptCompatibilityEnabled: true,
  });
}

/** Devices that stand in the way of a migration, by the word a test uses for them. */
export const otherDevices: Readonly<Record<string, Data>> = {
  tpm: data('VirtualTPM', { key: 11_000, deviceInfo: describe('Virtual TPM', 'Trusted Platform Module') }),
  pci: data('VirtualPCIPassthrough', {
    key: 13_000,
    deviceInfo: describe('PCI device 0', 'PCI passthrough'),
    backing: data('VirtualPCIPassthroughDeviceBackingInfo', {
      deviceName: 'NVIDIA A100',
      id: '0000:3b:00.0',
      deviceId: '20f1',
      systemId: '5f1a',
      vendorId: 4318,
    }),
    controllerKey: 100,
  }),
  scsiPassthrough: data('VirtualSCSIPassthrough', {
    key: 2100,
    deviceInfo: describe('SCSI device 0', 'vmhba1:0:6:0'),
    backing: data('VirtualSCSIPassthroughDeviceBackingInfo', { deviceName: '/vmfs/devices/genscsi/tape0' }),
  }),
  usb: data('VirtualUSB', {
    key: 7100,
    deviceInfo: describe('USB 1', 'Dongle'),
    connected: true,
    vendor: 1337,
    product: 7,
  }),
  usbController: data('VirtualUSBXHCIController', {
    key: 14_000,
    deviceInfo: describe('USB xHCI controller ', 'USB xHCI controller'),
    busNumber: 0,
    autoConnectDevices: false,
  }),
  iso: data('VirtualCdrom', {
    key: 3002,
    deviceInfo: describe('CD/DVD drive 1', 'ISO'),
    backing: data('VirtualCdromIsoBackingInfo', { fileName: '[datastore1] iso/tools.iso' }),
    controllerKey: 201,
    unitNumber: 0,
  }),
  floppy: data('VirtualFloppy', {
    key: 8000,
    deviceInfo: describe('Floppy drive 1', 'Image'),
    backing: data('VirtualFloppyImageBackingInfo', { fileName: '[datastore1] floppy/drivers.flp' }),
    controllerKey: 400,
    unitNumber: 0,
  }),
  serial: data('VirtualSerialPort', {
    key: 9000,
    deviceInfo: describe('Serial port 1', 'File'),
    backing: data('VirtualSerialPortFileBackingInfo', { fileName: '[datastore1] log/serial.txt' }),
    controllerKey: 400,
    unitNumber: 2,
    yieldOnPoll: true,
  }),
} satisfies Record<string, Value>;
