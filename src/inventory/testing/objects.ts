/** For tests: objects as a source would tell them. */
import { emptyVm } from '../../model/empty-vm.ts';
import type { InventoryObject, InventoryVm } from '../../model/inventory.ts';

type VmObject = Extract<InventoryObject, { kind: 'vm' }>;

export function aVm(ref: string, data: Partial<InventoryVm> = {}, more: Partial<Omit<VmObject, 'data' | 'kind'>> = {}) {
  const object: VmObject = {
    kind: 'vm',
    ref,
    name: ref,
    stableId: null,
    parentRef: null,
    data: { ...emptyVm, detail: 'full', ...data },
    ...more,
  };
  return object;
}

export function aFolder(ref: string, parentRef: string | null = null, kind: 'folder' | 'datacenter' = 'folder') {
  const object: InventoryObject = { kind, ref, name: ref, stableId: null, parentRef, data: {} };
  return object;
}

export function aDisk(path: string, sizeBytes = 1024 ** 3): InventoryVm['disks'][number] {
  return {
    id: path,
    name: path,
    sizeBytes,
    usedBytes: null,
    bus: 'scsi',
    controller: 0,
    unit: 0,
    storageRef: null,
    storage: 'datastore1',
    path,
    format: 'vmdk',
    mode: 'persistent',
    shared: false,
    rdm: null,
    encrypted: false,
    changeTracking: false,
    backingDepth: 0,
    serial: '',
  };
}
