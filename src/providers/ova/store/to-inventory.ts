/** What a store holds, in the words of the inventory. Pure. */
import { emptyVm } from '../../../model/empty-vm.ts';
import type { InventoryDisk, InventoryObject, InventoryVm } from '../../../model/inventory.ts';
import type { Vm, VmDisk } from '../../../model/vm.ts';

export type StoredVm = {
  /** Its path or URL; with `#` and the VM's id where that holds several. */
  readonly ref: string;
  readonly vm: Vm;
  readonly format: 'ova' | 'ovf' | 'domain-xml' | 'image';
  /** The file that describes it. */
  readonly file: string;
  /** Names of the folders below the store's root. */
  readonly folder: string;
  readonly parentRef: string;
  readonly storage: { readonly ref: string; readonly name: string };
  readonly facts: InventoryVm['facts'];
};

/** A VM in a store is off: nothing runs there. */
export function vmObject(stored: StoredVm): InventoryObject {
  const { ref, vm, format, file, folder, parentRef, facts } = stored;
  return {
    kind: 'vm',
    ref,
    name: vm.name,
    stableId: null,
    parentRef,
    data: {
      ...emptyVm,
      detail: 'full',
      power: 'off',
      folder,
      cpus: vm.cpus,
      coresPerSocket: vm.coresPerSocket,
      memoryBytes: vm.memoryBytes,
      origin: vm.origin,
      firmware: vm.firmware.type,
      secureBoot: vm.firmware.secureBoot,
      os: vm.os,
      uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(vm.id) ? vm.id.toLowerCase() : null,
      description: vm.description,
      disks: vm.disks.map((disk) => diskObject(disk, stored)),
      nics: vm.nics.map(({ id, mac, network, model, connected }) => ({
        id,
        mac,
        networkRef: null,
        network,
        model,
        connected,
        ips: [],
      })),
      facts: { ...facts, 'ova.format': format, 'ova.file': file },
    },
  };
}

function diskObject(disk: VmDisk, { storage }: StoredVm): InventoryDisk {
  const { id, name, sizeBytes, storedBytes, bus, controller, unit, format } = disk;
  return {
    id,
    name,
    sizeBytes,
    usedBytes: storedBytes,
    bus,
    controller,
    unit,
    storageRef: storage.ref,
    storage: storage.name,
    path: null,
    format,
    mode: '',
    shared: false,
    rdm: null,
    encrypted: false,
    changeTracking: null,
    backingDepth: 0,
    serial: '',
  };
}

export function folderObject(ref: string, name: string, parentRef: string | null): InventoryObject {
  return { kind: 'folder', ref, name, stableId: null, parentRef, data: {} };
}

export function storageObject(
  ref: string,
  type: string,
  room: { readonly capacityBytes: number | null; readonly freeBytes: number | null },
): InventoryObject {
  return {
    kind: 'storage',
    ref,
    name: ref,
    stableId: null,
    parentRef: null,
    data: { type, ...room, accessible: true, wwns: [] },
  };
}
