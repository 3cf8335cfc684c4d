/** What a rule may look at beside the VM itself: read by whoever asks, so that rules stay pure. */
import type { InventoryHost, InventoryObject, InventoryStorage, InventoryVm } from '../model/inventory.ts';
import type { ProviderType } from '../model/provider.ts';

/** A VM of an inventory, as providers put it. */
export type VmObject = Extract<InventoryObject, { kind: 'vm' }>;

export type ConcernContext = {
  /** Type of the provider that it was read from. */
  readonly type: ProviderType;
  /** Null or left out where it is not known: then nothing is said of it. */
  readonly host?: InventoryHost | null;
  /** `InventoryCluster.facts` of its cluster. */
  readonly clusterFacts?: InventoryVm['facts'] | null;
  /** By `ref`; those that its disks lie on are enough. */
  readonly storages?: ReadonlyMap<string, InventoryStorage>;
  /** Disk id → names of the other VMs of the same provider that have the same disk (same `path`). */
  readonly sharedWith?: ReadonlyMap<string, readonly string[]>;
};
