/**
 * What is in a provider, in neutral words: a tree of objects, and VMs with what decides how they can be moved. Every provider
 * is read into these; search, concerns, the console and, later, mappings and plans know nothing else of it.
 *
 * `ref` is the provider's own handle, unique within the provider for its kind (a managed object id, a domain UUID, a path).
 * `stableId` survives the provider being removed and added again, and, where the source has such a thing, the object being
 * registered anew (instance UUID of a VM, UUID of a libvirt object); null where there is none: then `ref` has to do.
 */
import Type from 'typebox';
import { StringEnum } from './schema.ts';

const MaybeInteger = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]);
const MaybeString = Type.Union([Type.String(), Type.Null()]);
const MaybeBoolean = Type.Union([Type.Boolean(), Type.Null()]);

export const InventoryKind = StringEnum([
  'datacenter',
  'folder',
  'cluster',
  'host',
  'resource-pool',
  'network',
  'storage',
  'vm',
]);
export type InventoryKind = Type.Static<typeof InventoryKind>;

export const PowerState = StringEnum(['on', 'off', 'suspended', 'paused', 'unknown']);
export type PowerState = Type.Static<typeof PowerState>;

export const InventoryDisk = Type.Object({
  /** Stable within the VM: a device key, a target name. */
  id: Type.String(),
  name: Type.String(),
  sizeBytes: MaybeInteger,
  /** Bytes it takes at the source, when known. */
  usedBytes: MaybeInteger,
  bus: StringEnum(['ide', 'sata', 'scsi', 'nvme', 'virtio', 'xen', 'usb', 'floppy', 'unknown']),
  controller: Type.Integer({ minimum: 0 }),
  unit: Type.Integer({ minimum: 0 }),
  /** The storage's `ref`, and the name its users know; null when the source does not tell. */
  storageRef: MaybeString,
  storage: MaybeString,
  /** The file or volume, in the source's notation. */
  path: MaybeString,
  /** raw, vmdk, qcow2, …; null when not told. */
  format: MaybeString,
  /** As the source says it: persistent, independent_persistent, … ; empty when it has no such thing. */
  mode: Type.String(),
  shared: Type.Boolean(),
  rdm: Type.Union([StringEnum(['virtual', 'physical']), Type.Null()]),
  encrypted: Type.Boolean(),
  /** Changed block tracking of this disk; null where the source has no such thing. */
  changeTracking: MaybeBoolean,
  /** How many images lie under it (snapshots, linked clones); 0: none. */
  backingDepth: Type.Integer({ minimum: 0 }),
  serial: Type.String(),
});
export type InventoryDisk = Type.Static<typeof InventoryDisk>;

export const InventoryNic = Type.Object({
  id: Type.String(),
  mac: MaybeString,
  networkRef: MaybeString,
  network: MaybeString,
  model: MaybeString,
  connected: Type.Boolean(),
  /** As the guest told; empty when nothing in it tells. */
  ips: Type.Array(Type.String()),
});
export type InventoryNic = Type.Static<typeof InventoryNic>;

export const InventorySnapshot = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  createdAt: MaybeString,
  parentId: MaybeString,
  current: Type.Boolean(),
  memory: Type.Boolean(),
});
export type InventorySnapshot = Type.Static<typeof InventorySnapshot>;

/** A controller or other device worth knowing: what cannot come along, and what a disk hangs on. */
export const InventoryDevice = Type.Object({
  kind: StringEnum([
    'controller',
    'passthrough',
    'sriov',
    'usb-controller',
    'usb',
    'tpm',
    'cdrom',
    'floppy',
    'serial',
    'parallel',
    'gpu',
    'watchdog',
    'other',
  ]),
  /** As the source calls its type: VirtualLsiLogicController, ich9, … */
  type: Type.String(),
  name: Type.String(),
  /** Controllers: the bus; a medium: the file that is in it. */
  detail: Type.String(),
});
export type InventoryDevice = Type.Static<typeof InventoryDevice>;

/**
 * A VM. Of `summary` detail the cheap fields are known (power, place, size, system); the lists are empty and say nothing. Facts that
 * one source type alone has are in `facts`, by the source's own dotted name (`faultTolerance.enabled`,
 * `extraConfig.disk.enableUUID`): rules and filters can ask for them without this schema growing with every provider.
 */
export const InventoryVm = Type.Object({
  detail: StringEnum(['summary', 'full']),
  power: PowerState,
  /** connected, disconnected, orphaned, inaccessible, invalid; empty where the source has no such thing. */
  connection: Type.String(),
  template: Type.Boolean(),
  hostRef: MaybeString,
  host: MaybeString,
  clusterRef: MaybeString,
  cluster: MaybeString,
  /** Names from the root down, joined by "/"; without the VM's own. */
  folder: Type.String(),
  cpus: Type.Integer({ minimum: 0 }),
  coresPerSocket: Type.Integer({ minimum: 0 }),
  memoryBytes: Type.Integer({ minimum: 0 }),
  /** The hypervisor it runs on, as in `Vm.origin`. */
  origin: StringEnum(['vmware', 'virtualbox', 'ovirt', 'xen', 'kvm', 'hyperv', 'unknown']),
  firmware: Type.Union([StringEnum(['bios', 'efi']), Type.Null()]),
  secureBoot: Type.Boolean(),
  os: Type.Object({ id: Type.String(), name: Type.String() }),
  uuid: MaybeString,
  hardwareVersion: Type.String(),
  description: Type.String(),
  tools: StringEnum(['running', 'not-running', 'not-installed', 'unknown']),
  hostname: MaybeString,
  ips: Type.Array(Type.String()),
  changeTracking: MaybeBoolean,
  disks: Type.Array(InventoryDisk),
  nics: Type.Array(InventoryNic),
  snapshots: Type.Array(InventorySnapshot),
  devices: Type.Array(InventoryDevice),
  tags: Type.Array(Type.String()),
  facts: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])),
});
export type InventoryVm = Type.Static<typeof InventoryVm>;

export const InventoryStorage = Type.Object({
  /** VMFS, NFS, vsan, dir, logical, … */
  type: Type.String(),
  capacityBytes: MaybeInteger,
  freeBytes: MaybeInteger,
  accessible: Type.Boolean(),
  /** NAA or WWN ids of the devices under it. */
  wwns: Type.Array(Type.String()),
});
export type InventoryStorage = Type.Static<typeof InventoryStorage>;

export const InventoryNetwork = Type.Object({
  /** standard, distributed, opaque, bridge, nat, … */
  type: Type.String(),
  vlan: MaybeString,
});
export type InventoryNetwork = Type.Static<typeof InventoryNetwork>;

export const InventoryHost = Type.Object({
  version: Type.String(),
  cpus: Type.Integer({ minimum: 0 }),
  memoryBytes: Type.Integer({ minimum: 0 }),
  connection: Type.String(),
  maintenance: Type.Boolean(),
  power: PowerState,
});
export type InventoryHost = Type.Static<typeof InventoryHost>;

export const InventoryCluster = Type.Object({
  facts: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])),
});
export type InventoryCluster = Type.Static<typeof InventoryCluster>;

const common = {
  ref: Type.String({ minLength: 1, maxLength: 4096 }),
  name: Type.String({ maxLength: 4096 }),
  stableId: MaybeString,
  /** The `ref` of what holds it in the tree; null at the top. */
  parentRef: MaybeString,
};
const plain = (kind: 'datacenter' | 'folder' | 'resource-pool') =>
  Type.Object({ kind: Type.Literal(kind), ...common, data: Type.Object({}) });

export const InventoryObject = Type.Union([
  plain('datacenter'),
  plain('folder'),
  plain('resource-pool'),
  Type.Object({ kind: Type.Literal('cluster'), ...common, data: InventoryCluster }),
  Type.Object({ kind: Type.Literal('host'), ...common, data: InventoryHost }),
  Type.Object({ kind: Type.Literal('network'), ...common, data: InventoryNetwork }),
  Type.Object({ kind: Type.Literal('storage'), ...common, data: InventoryStorage }),
  Type.Object({ kind: Type.Literal('vm'), ...common, data: InventoryVm }),
]);
export type InventoryObject = Type.Static<typeof InventoryObject>;

/** What is listed although it cannot be read, with the reason: a broken OVA in a store, an inaccessible VM. */
export const Unreadable = Type.Object({
  ref: Type.String(),
  name: Type.String(),
  code: Type.String(),
  params: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
  causes: Type.Array(Type.String()),
});
export type Unreadable = Type.Static<typeof Unreadable>;
