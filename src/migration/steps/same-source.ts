/**
 * Everything that is read of a source during a VM migration must be of one and the same content: copy, conversion, the
 * source's own checksums, the second look of a verification. What proves it is the source's identity (times and inode of a
 * file, a change id).
 *
 * | found to be another one                         | then                                                            |
 * |-------------------------------------------------|-----------------------------------------------------------------|
 * | when an attempt begins to copy or to convert    | it starts over with what is there now, and says so              |
 * | the same, and the VM is described differently   | transfer.source_differs: sizes or disks are not what was decided on |
 * | while it is read, or after it was copied        | transfer.source_changed                                         |
 * | in a retry                                      | its preflight sees the new one; disk and conversion start over  |
 */
import { isDeepStrictEqual } from 'node:util';
import { WherryError } from '../../model/errors.ts';
import type { Vm } from '../../model/vm.ts';
import type { Source } from '../../providers/provider.ts';
import type { StepContext } from '../step.ts';
import { maybeResultOf, resultOf } from './results.ts';

/** By disk id. */
export type Identity = Readonly<Record<string, string>>;

/** Of what the target copy holds; before it is copied, of what preflight saw. */
export function copiedIdentity(context: StepContext): Identity {
  return maybeResultOf(context, 'copy')?.identity ?? resultOf(context, 'preflight').identity;
}

/**
 * What an attempt that begins to read the source is about: the source as it is now. Somebody may have changed it since
 * preflight, as long as nothing of it has been copied whole. @throws transfer.source_changed, transfer.source_differs
 */
export async function identityToRead(context: StepContext, source: Source): Promise<Identity> {
  const { vm } = resultOf(context, 'preflight');
  const seen = copiedIdentity(context);
  const now = await source.identity(vm, context.signal);
  const changed = vm.disks.filter(({ id }) => seen[id] !== now[id]);
  if (changed.length === 0) return seen;
  if (maybeResultOf(context, 'copy') !== null) {
    await sameSource(context, source, vm, changed.map(idOf), seen);
  }
  const described = await source.describe(vm.id, context.signal);
  const differing = differences(vm, described);
  if (differing.length > 0) {
    throw new WherryError('transfer.source_differs', { vm: vm.name, what: differing.join(', ') });
  }
  for (const { id, name } of changed) {
    const was = `it was ${seen[id] ?? 'not there'}, now it is ${now[id] ?? 'not there'}`;
    context.log('warning', `disk ${name}: the source changed since preflight, what was read of it is void: ${was}`);
  }
  return now;
}

/** The source is still the one of `expected`. @throws transfer.source_changed */
export async function sameSource(
  context: StepContext,
  source: Source,
  vm: Vm,
  diskIds: readonly string[],
  expected: Identity,
): Promise<void> {
  const now = await source.identity(vm, context.signal);
  for (const diskId of diskIds) {
    const [before, found] = [expected[diskId], now[diskId]];
    if (before === found) continue;
    const cause = new Error(`it was ${before ?? 'not there'}, now it is ${found ?? 'not there'}`);
    const disk = vm.disks.find(({ id }) => id === diskId)?.name ?? diskId;
    throw new WherryError('transfer.source_changed', { disk, vm: vm.name }, cause);
  }
}

/** The parts of a VM's description that are not what they were. How many bytes a disk is stored in decides nothing. */
export function differences(before: Vm, now: Vm): string[] {
  const [a, b] = [before, now].map((vm) => {
    return { ...vm, disks: vm.disks.map((disk) => ({ ...disk, storedBytes: null })) };
  });
  const sizes = before.disks.flatMap(({ id, name, sizeBytes }) => {
    const found = now.disks.find((disk) => disk.id === id)?.sizeBytes;
    return found === undefined || found === sizeBytes
      ? []
      : [`disk ${name} had ${sizeBytes} bytes and has ${found} now`];
  });
  if (sizes.length > 0) return sizes;
  const names = Object.keys({ ...a, ...b }) as (keyof Vm)[];
  return names.filter((name) => !isDeepStrictEqual(a?.[name], b?.[name]));
}

function idOf({ id }: { readonly id: string }): string {
  return id;
}
