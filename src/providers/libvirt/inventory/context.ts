/** What of the host a domain's description refers to, and what is known of a domain beside its XML. */
import type { InventorySnapshot } from '../../../model/inventory.ts';
import type { DomainState } from '../rpc/calls.ts';
import type { GuestInterface } from '../rpc/inventory-calls.ts';

/** A storage pool, as far as disks are found in it. */
export type PoolPlace = {
  readonly ref: string;
  readonly name: string;
  readonly type: string;
  /** Where its volumes appear on the host; empty when they do not (rbd). */
  readonly path: string;
  /** What it is called at its source: a Ceph pool. */
  readonly sourceName: string;
};

export type HostContext = {
  readonly driver: 'qemu' | 'xen' | 'test';
  readonly hostRef: string;
  readonly host: string;
  readonly pools: readonly PoolPlace[];
  /** libvirt networks: name → ref. */
  readonly networks: ReadonlyMap<string, string>;
};

/** One disk, as the daemon sees it. Null: it does not tell. */
export type DiskState = {
  readonly sizeBytes: number | null;
  readonly usedBytes: number | null;
  /** There is no such file; null: it was not looked at. */
  readonly missing: boolean | null;
  /** How many images lie under it, where the XML does not tell. */
  readonly backingDepth: number | null;
};

/** A fact that the driver does not tell is null: it is left out then, never guessed. */
export type DomainLife = {
  readonly state: DomainState;
  readonly active: boolean;
  readonly autostart: boolean | null;
  readonly persistent: boolean | null;
  readonly managedSave: boolean | null;
  readonly checkpoints: number | null;
  readonly snapshots: readonly InventorySnapshot[];
  /** By target name (vda). */
  readonly disks: ReadonlyMap<string, DiskState>;
  readonly addresses: readonly GuestInterface[];
};
