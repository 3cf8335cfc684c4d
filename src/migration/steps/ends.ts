import type { Disk, WritableDisk } from '../../transfer/disk.ts';
import { WherryError } from '../../model/errors.ts';
import { stillThere } from '../../model/still-there.ts';
import type { Vm } from '../../model/vm.ts';
import type { Source, Target, TargetDisk } from '../../providers/provider.ts';
import type { Mismatch } from '../../transfer/verify.ts';
import { inOrder } from '../../transfer/stream.ts';
import type { StepContext } from '../step.ts';
import { copiedIdentity, type Identity, identityToRead, sameSource } from './same-source.ts';

/** Both ends of a VM migration, opened, with all disks that are opened through them: closing it closes them all. */
export type Ends = AsyncDisposable & {
  readonly source: Source;
  readonly target: Target;
  /** What of the source they are about: what this attempt begins to read, or what the target copy holds. */
  readonly identity: Identity;
  /** @throws transfer.source_changed when it is not that one any more, and what the source throws. */
  openSource(vm: Vm, diskId: string): Promise<Disk>;
  /** All disks of the source are still those. @throws transfer.source_changed */
  sameSource(vm: Vm): Promise<void>;
  /**
   * Where the target takes a disk as one stream, a writable one begins it anew, and one that is read only can be read in
   * order, once it has ended.
   */
  openTarget(disk: TargetDisk, options: { readonly readOnly: false }): Promise<WritableDisk>;
  openTarget(disk: TargetDisk, options: { readonly readOnly: boolean }): Promise<Disk>;
};

/** `begins`: the step begins to read the source, and may begin with another one than preflight saw (same-source.ts). */
export async function openEnds(context: StepContext, { begins = false } = {}): Promise<Ends> {
  await using stack = new AsyncDisposableStack();
  const { spec } = context.lease.vmMigration;
  const source = stack.use(await stillThere(context.providers.openSource(spec.source, context.signal)));
  const target = stack.use(await context.providers.openTarget(spec.target, context.signal));
  const identity = begins ? await stillThere(identityToRead(context, source)) : copiedIdentity(context);
  const opened = stack.adopt(new Set<Disk>(), async (disks) => {
    for (const disk of disks) await disk.close();
  });
  function openTarget(disk: TargetDisk, options: { readonly readOnly: false }): Promise<WritableDisk>;
  function openTarget(disk: TargetDisk, options: { readonly readOnly: boolean }): Promise<Disk>;
  async function openTarget(disk: TargetDisk, { readOnly }: { readonly readOnly: boolean }): Promise<Disk> {
    const found = await openAt(target, disk, readOnly, context);
    opened.add(found);
    return found;
  }
  const owned = stack.move();
  return {
    source,
    target,
    identity,
    openSource: async (vm, diskId) => {
      const disk = await stillThere(source.openDisk(vm, diskId, context.directory, context.signal));
      opened.add(disk);
      // Once it is open: what takes its place from here on is not what is read.
      await stillThere(sameSource(context, source, vm, [diskId], identity));
      return disk;
    },
    sameSource: (vm) => {
      const all = vm.disks.map(({ id }) => id);
      return stillThere(sameSource(context, source, vm, all, identity));
    },
    openTarget,
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  };
}

async function openAt(target: Target, disk: TargetDisk, readOnly: boolean, context: StepContext): Promise<Disk> {
  const { directory, signal } = context;
  if (target.access !== 'stream') return target.openDisk(disk, { readOnly, directory }, signal);
  return readOnly ? target.openWritten(disk, signal) : inOrder(await target.openStream(disk, signal));
}

/** Errors of work on one disk name it as people know it: ids are often no more than numbers. */
export async function ofDisk<T>(vm: Vm, diskId: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const disk = diskName(vm, diskId);
    if (error instanceof WherryError) throw new WherryError(error.code, { ...error.params, disk }, error.cause);
    throw error;
  }
}

/** A disk as people know it: ids are often no more than numbers. */
export function diskName(vm: Vm, diskId: string): string {
  return vm.disks.find(({ id }) => id === diskId)?.name ?? diskId;
}

/** What was read back wrong, for the log: where, and both digests. */
export function mismatchText(vm: Vm, diskId: string, wrong: Mismatch): string {
  const { offset, length, expected, found } = wrong;
  const where = `disk ${diskName(vm, diskId)}: ${length} bytes at offset ${offset}`;
  return `${where} were read back with SHA-256 ${found}, the source’s is ${expected}`;
}
