/**
 * The neutral description of a virtual machine: what every source is read into and every target is made from.
 * Sizes are bytes. Names follow DMTF OVF and libvirt where they agree.
 */
import Type from 'typebox';
import { StringEnum } from './schema.ts';

export const Firmware = Type.Object({
  type: StringEnum(['bios', 'efi']),
  secureBoot: Type.Boolean(),
});
export type Firmware = Type.Static<typeof Firmware>;

export const VmDisk = Type.Object({
  /** Stable within the VM: the OVF diskId, a libvirt target name, a file name. Safe in file names after encoding only. */
  id: Type.String(),
  /** What a person calls it. */
  name: Type.String(),
  /** Virtual size; null until the image was inspected. */
  sizeBytes: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  /** How the source stores it. `declared` by the source; our inspector checks that it is so. */
  format: StringEnum(['raw', 'vmdk', 'qcow2', 'vhd', 'vhdx']),
  /** Bytes the source stores, when known: an upper bound of what has to be read. */
  storedBytes: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  /** `sequential`: it can be read once, in order (a gzip'd member): copied first, converted on the target copy. */
  access: StringEnum(['random', 'sequential']),
  bus: StringEnum(['ide', 'sata', 'scsi', 'nvme', 'virtio', 'xen', 'usb']),
  controller: Type.Integer({ minimum: 0 }),
  unit: Type.Integer({ minimum: 0 }),
  /** 1 is first; null: not in the boot order. */
  bootOrder: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
});
export type VmDisk = Type.Static<typeof VmDisk>;

export const VmNic = Type.Object({
  id: Type.String(),
  /** Lower case, colons; null when the source does not fix it. */
  mac: Type.Union([Type.String({ pattern: '^([0-9a-f]{2}:){5}[0-9a-f]{2}$' }), Type.Null()]),
  /** The source's network, by the name its users know. */
  network: Type.String(),
  /** e1000, e1000e, vmxnet3, virtio, rtl8139, netfront, ...; null when unknown. */
  model: Type.Union([Type.String(), Type.Null()]),
  connected: Type.Boolean(),
});
export type VmNic = Type.Static<typeof VmNic>;

export const Vm = Type.Object({
  /** Stable within its source: OVF VirtualSystem id, instance UUID, domain UUID. */
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  /** The hypervisor it comes from, which decides whether the guest needs conversion. */
  origin: StringEnum(['vmware', 'virtualbox', 'ovirt', 'xen', 'kvm', 'hyperv', 'unknown']),
  cpus: Type.Integer({ minimum: 1 }),
  /** 0: the source does not say. */
  coresPerSocket: Type.Integer({ minimum: 0 }),
  memoryBytes: Type.Integer({ minimum: 0 }),
  firmware: Firmware,
  /** What the source says of the operating system; free text and its own id. */
  os: Type.Object({ id: Type.String(), name: Type.String() }),
  disks: Type.Array(VmDisk),
  nics: Type.Array(VmNic),
});
export type Vm = Type.Static<typeof Vm>;

/** One line of a source's list. What cannot be read is listed too, with the reason. */
export const VmSummary = Type.Object({
  id: Type.String(),
  name: Type.String(),
  cpus: Type.Integer(),
  memoryBytes: Type.Integer(),
  diskCount: Type.Integer(),
});
export type VmSummary = Type.Static<typeof VmSummary>;

/** What a converted (or never converted) guest can use at the target. From virt-v2v, or from what the guest had. */
export const GuestCapabilities = Type.Object({
  blockBus: StringEnum(['virtio-blk', 'virtio-scsi', 'ide', 'sata']),
  nic: StringEnum(['virtio-net', 'e1000', 'e1000e', 'rtl8139']),
  machine: StringEnum(['pc', 'q35', 'virt']),
  firmware: Firmware,
  arch: Type.String(),
  rng: Type.Boolean(),
  balloon: Type.Boolean(),
  panic: Type.Boolean(),
  vsock: Type.Boolean(),
  virtio10: Type.Boolean(),
  /** libosinfo-like short name as inspected ("debian12", "windows"), empty when nothing looked inside. */
  os: Type.String(),
});
export type GuestCapabilities = Type.Static<typeof GuestCapabilities>;
