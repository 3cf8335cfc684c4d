/**
 * The ports: what Wherry needs of a hypervisor, a cloud or a store of images. One folder per provider implements them.
 *
 * What a provider cannot do is absent from its type, never a method that throws. Every call takes an `AbortSignal`.
 * Everything that creates is idempotent: it first looks for its own mark (`Mark`), so that a step may run twice.
 * Errors are `WherryError`s that name the VM, disk or host and keep the system's own words as cause.
 */
import type { Disk, StreamDisk, WritableDisk } from '../transfer/disk.ts';
import type { Concern } from '../model/concern.ts';
import type { InventoryObject, Unreadable } from '../model/inventory.ts';
import type { ProviderAccount, Secrets } from '../model/provider.ts';
import type { SourceSpec, TargetSpec } from '../model/spec.ts';
import type { GuestCapabilities, Vm, VmSummary } from '../model/vm.ts';

/** One row of a check: what was looked at, whether it is well, and the way to mend it. */
export type CheckRow = { readonly what: string; readonly ok: boolean; readonly detail: string; readonly fix: string };

/** What a check found: rows in the order in which they were tried, and what the system says of itself. */
export type CheckResult = {
  readonly rows: readonly CheckRow[];
  /** True when every row that a migration needs is well. */
  readonly ok: boolean;
  /** "VMware vCenter Server 8.0.3 build-…"; empty when it was not reached. */
  readonly product: string;
  readonly version: string;
  /**
   * The certificate or host key that the system showed, when it is not (or no longer) trusted: what the user has to look at.
   * `shown` and `trusted` are fingerprints as `Trust` and `LibvirtAccount.hostKey` write them.
   */
  readonly certificate: {
    readonly shown: string;
    readonly trusted: string | null;
    readonly subject: string;
    readonly issuer: string;
    readonly validFrom: string;
    readonly validTo: string;
    readonly names: readonly string[];
  } | null;
  /** The role to make there, ready to paste; empty where there is no such thing. */
  readonly role: string;
};

/** One piece of news of an inventory. A `snapshot` is complete once `synced` came: what it did not name is gone. */
export type InventoryNews =
  | { readonly kind: 'put'; readonly objects: readonly InventoryObject[] }
  | {
      readonly kind: 'gone';
      readonly objects: ReadonlyArray<{ readonly kind: InventoryObject['kind']; readonly ref: string }>;
    }
  | { readonly kind: 'unreadable'; readonly objects: readonly Unreadable[] }
  /** A full read begins: whatever is not `put` between here and `synced` does not exist any more. */
  | {
      readonly kind: 'snapshot';
      readonly product: string;
      readonly version: string;
      /** What the system calls itself, for good: a vCenter's instance UUID, a libvirt host's UUID and driver, a location. */
      readonly systemId: string;
    }
  | { readonly kind: 'synced' };

/** A system that is connected to: signed in, certificate verified. Closed by disposing. */
export type Connection = AsyncDisposable & {
  /**
   * Everything first (`snapshot`, `put`s of bounded size, `synced`), then changes as the source tells them, until the signal
   * aborts. Names and states may come before full configurations (`detail`). Throws what ended it: a passing error is
   * tried again with back-off by whoever watches, another one stops the provider.
   */
  watchInventory(signal: AbortSignal): AsyncIterable<InventoryNews>;
  /** One VM in full, now; null when it is gone. */
  readVm(ref: string, signal: AbortSignal): Promise<InventoryObject | null>;
};

export type ConnectOptions = { readonly account: ProviderAccount; readonly secrets: Secrets };

/** With what a source that is in a provider is reached. */
export type SourceAccess = { readonly account: ProviderAccount; readonly secrets: Secrets };

export type Source = {
  list(signal: AbortSignal): Promise<VmSummary[]>;
  /** @throws source.vm_not_found, source.vm_ambiguous (several VMs and no id), and all that is wrong with the source. */
  describe(vmId: string | null, signal: AbortSignal): Promise<Vm>;
  /**
   * What deserves a word before anything starts: where a source contradicts itself, what of it cannot be checked.
   * Absent where there is never any.
   */
  concerns?(vm: Vm, signal: AbortSignal): Promise<Concern[]>;
  /**
   * What proves, per disk id, that the disk is still the one it was (inode, size and times of a file; a change id).
   * Compared for equality before a copy is resumed; any difference means: start over, and say why.
   */
  identity(vm: Vm, signal: AbortSignal): Promise<Record<string, string>>;
  /** Opens a disk's logical content read only. The inspector has passed it before anything else sees a byte. */
  openDisk(vm: Vm, diskId: string, directory: string, signal: AbortSignal): Promise<Disk>;
  /**
   * Checks the source's own checksums (an OVA's manifest) in a sequential pass of its own, which gates "create VM".
   * Absent where the source has none. `progress` gets bytes read and bytes in all.
   */
  verifyManifest?(vm: Vm, progress: (done: number, total: number) => void, signal: AbortSignal): Promise<void>;
};

/**
 * The mark of everything we create at a target: the target copy's id (a UUIDv7), in a name, tag, label or metadata. The
 * object is ours exactly if it carries the mark of this target copy.
 */
export type Mark = { readonly targetCopyId: string };

/** A disk at a target, as recorded in the ledger: enough to find, open and remove it again, by any worker. */
export type TargetDisk = {
  readonly diskId: string;
  readonly sizeBytes: number;
  readonly format: 'raw' | 'qcow2';
  /**
   * The provider's own handle, JSON: a volume key and path, a file, a volume id. What `createDisk` returns also tells this disk
   * from another one that takes its place (an inode and when it was made).
   */
  readonly ref: Readonly<Record<string, string>>;
};

/** A VM at a target, likewise. */
export type TargetVm = { readonly name: string; readonly ref: Readonly<Record<string, string>> };

/** A migrated VM, whole. */
export type Made = { readonly vm: TargetVm; readonly disks: readonly TargetDisk[] };

/** What of it its owner has removed meanwhile: whether the VM, and which disks. */
export type Missing = { readonly vm: boolean; readonly diskIds: readonly string[] };

export type DiskRequest = {
  readonly mark: Mark;
  readonly vm: Vm;
  readonly targetName: string;
  readonly diskId: string;
  /** Position in the VM, from 0: part of names that people see. */
  readonly index: number;
  readonly sizeBytes: number;
};

export type VmRequest = {
  readonly mark: Mark;
  readonly vm: Vm;
  readonly targetName: string;
  readonly guest: GuestCapabilities;
  /** In the VM's disk order. */
  readonly disks: readonly TargetDisk[];
};

/** A target whose disks are written anywhere at any time, or each once from its beginning to its end. */
export type Target = RandomTarget | StreamTarget;

export type RandomTarget = TargetBase & {
  readonly access?: 'random';
  openDisk(
    disk: TargetDisk,
    options: { readOnly: boolean; directory: string },
    signal: AbortSignal,
  ): Promise<WritableDisk>;
};

/** It gets each disk as it shall be in the end, so the guest is converted first. What is cut off begins again. */
export type StreamTarget = TargetBase & {
  readonly access: 'stream';
  /** From its beginning; what an attempt before it brought there is gone. */
  openStream(disk: TargetDisk, signal: AbortSignal): Promise<StreamDisk>;
  /** What it holds after its stream has ended, freshly read: for the proof. In order. */
  openWritten(disk: TargetDisk, signal: AbortSignal): Promise<Disk>;
};

type TargetBase = {
  /**
   * Whether this worker can bring bytes there at all (same host, permission, tools), else a thrown `WherryError` that
   * says why: the worker declines the VM and another may take it.
   */
  eligible(signal: AbortSignal): Promise<void>;
  /** What stands in the way or deserves a word: name taken, pool missing, no space, network unknown. Changes nothing. */
  concerns(request: { mark: Mark; vm: Vm; targetName: string }, signal: AbortSignal): Promise<Concern[]>;
  /** The reference the disk will have, before it exists: goes into the ledger as intent. */
  planDisk(request: DiskRequest, signal: AbortSignal): Promise<TargetDisk>;
  /** Creates the planned disk or adopts our own of an earlier attempt. Its content is undefined until written. */
  createDisk(planned: TargetDisk, request: DiskRequest, signal: AbortSignal): Promise<TargetDisk>;
  /**
   * Takes its final name away again, where `createVm` has given it one: it is kept for a retry, and nobody must take it for a
   * migrated disk. Absent where disks have no names that people see.
   */
  concealDisk?(disk: TargetDisk, signal: AbortSignal): Promise<void>;
  /**
   * Removes it if it is there and ours; being gone already is success where it is proved that this is the place where it was.
   * @throws files.directory_gone, files.directory_other, libvirt.volume_away when that cannot be proved
   */
  removeDisk(mark: Mark, disk: TargetDisk, signal: AbortSignal): Promise<void>;
  /** The reference the VM will have, before it exists: goes into the ledger as intent. */
  planVm(request: VmRequest, signal: AbortSignal): Promise<TargetVm>;
  /** Makes disks visible under their final names and defines the VM; off. Adopts our own of an earlier attempt. */
  createVm(planned: TargetVm, request: VmRequest, signal: AbortSignal): Promise<TargetVm>;
  /** Powers it off first when it runs. Being gone already is success, as with disks. Leaves the disks. */
  removeVm(mark: Mark, vm: TargetVm, signal: AbortSignal): Promise<void>;
  /**
   * Called once nothing can fail any more: takes the mark's traces away that users should not see. Removes nothing else.
   * `gone`: its owner has said that what is not found was removed for good; without it that has to be proved.
   * @throws as `removeDisk` does when it cannot
   */
  finalize?(mark: Mark, made: Made, options: { readonly gone: boolean }, signal: AbortSignal): Promise<Missing>;
  /** Absent where nothing runs (image files). */
  readonly power?: TargetPower;
};

export type TargetPower = {
  state(vm: TargetVm, signal: AbortSignal): Promise<'on' | 'off' | 'unknown'>;
  /** Idempotent. */
  on(vm: TargetVm, signal: AbortSignal): Promise<void>;
  off(vm: TargetVm, signal: AbortSignal): Promise<void>;
  /**
   * Looks whether the guest really runs: it keeps running for `settleMs` and, where its console can be read,
   * shows signs of life. Resolves with what was seen, for the record.
   */
  checkBoot(
    vm: TargetVm,
    options: { settleMs: number; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<{ readonly evidence: string }>;
};

/** How a source or target is reached from what the user wrote; a factory per type, wired in main.ts. */
export type Providers = {
  /** Never throws for what is wrong with the system: that is a row. One try of the password, never more. */
  check(options: ConnectOptions, signal: AbortSignal): Promise<CheckResult>;
  connect(options: ConnectOptions, signal: AbortSignal): Promise<Connection>;
  /** @param access of the provider that the spec names; null or absent: it names none, or that is not there any more. */
  openSource(spec: SourceSpec, signal: AbortSignal, access?: SourceAccess | null): Promise<Source & AsyncDisposable>;
  openTarget(spec: TargetSpec, signal: AbortSignal): Promise<Target & AsyncDisposable>;
};
