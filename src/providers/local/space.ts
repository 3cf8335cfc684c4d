/** Whether a VM's disks fit. Pure. */
import type { Concern } from '../../model/concern.ts';
import type { Vm } from '../../model/vm.ts';

export type Room = {
  readonly availableBytes: number;
  /** What our own disks of an earlier attempt take up already. */
  readonly ownBytes: number;
  /** `libvirt` or `files`: the codes' first part. */
  readonly subject: 'libvirt' | 'files';
  /** The pool or the directory, by the parameter's name in the catalogue. */
  readonly where: Readonly<Record<string, string>>;
};

/**
 * raw: the virtual size must fit. gzip: nobody knows before; little room is worth a warning. qcow2: what the source stores must fit (compressed images grow, so it is the least);
 * that the disks cannot grow to their full size is worth a warning.
 */
export function spaceConcerns(vm: Vm, format: 'raw' | 'qcow2' | 'gzip', room: Room): Concern[] {
  const available = room.availableBytes + room.ownBytes;
  const availableGiB = gib(available);
  const sizes = vm.disks.map((disk) => disk.sizeBytes);
  const virtual = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  const stored = vm.disks.reduce((sum, disk) => sum + Math.min(disk.storedBytes ?? 0, disk.sizeBytes ?? Infinity), 0);
  const least = format === 'raw' ? Math.max(virtual, stored) : format === 'gzip' ? 0 : stored;
  const params = { vm: vm.name, ...room.where, availableGiB };
  if (least > available) {
    return [{ code: `${room.subject}.no_space`, severity: 'critical', params: { ...params, neededGiB: gib(least) } }];
  }
  if (format === 'gzip') {
    if (stored <= available && !sizes.includes(null)) return [];
    return [{ code: `${room.subject}.size_unknown`, severity: 'information', params }];
  }
  if (virtual > available) {
    const code = `${room.subject}.may_outgrow_space`;
    return [{ code, severity: 'warning', params: { ...params, neededGiB: gib(virtual) } }];
  }
  if (sizes.includes(null)) return [{ code: `${room.subject}.size_unknown`, severity: 'information', params }];
  return [];
}

function gib(bytes: number): number {
  return Math.round((bytes / 1024 ** 3) * 100) / 100;
}
