/** What the language of search cannot say: predicates of rules. Each gives the parameters of what it finds. */
import type { InventoryVm } from '../model/inventory.ts';
import type { ConcernContext, VmObject } from './context.ts';
import type { Params } from './rule.ts';

const mib = 2 ** 20;

/** virt-v2v(1), "Free space in the guest": what it needs to write drivers and a new initramfs. */
function neededBytes(path: string): number {
  if (path === '/' || /^c:\\?$/i.test(path)) return 100 * mib;
  return path === '/boot' ? 50 * mib : 10 * mib;
}

/** `guest.disk.<path>.<what>` → its paths with what is known of them. */
function guestDisks({ facts }: InventoryVm, what: string): [string, unknown][] {
  const end = `.${what}`;
  return Object.entries(facts).flatMap(([name, value]) =>
    name.startsWith('guest.disk.') && name.endsWith(end)
      ? [[name.slice('guest.disk.'.length, -end.length), value] satisfies [string, unknown]]
      : [],
  );
}

/** Images that are mounted read-only have nothing free, and need nothing. */
const readOnlyMount = /^\/(snap|run|proc|sys|dev)\//;

export function tooFullGuestDisks({ data }: VmObject): Params[] {
  return guestDisks(data, 'freeBytes').flatMap(([path, free]) =>
    typeof free === 'number' && free < neededBytes(path) && !readOnlyMount.test(path)
      ? [{ path, free, needed: neededBytes(path) }]
      : [],
  );
}

export function guestDisksWithoutKey({ data }: VmObject): Params[] {
  return guestDisks(data, 'disk').flatMap(([path, disk]) => (disk === '' ? [{ path }] : []));
}

export function sharedDisks({ data }: VmObject, { sharedWith }: ConcernContext): Params[] {
  return data.disks.flatMap(({ id, name, shared }) => {
    const others = sharedWith?.get(id) ?? [];
    return shared || others.length > 0 ? [{ disk: name || id, others: others.slice(0, 8).join(', ') }] : [];
  });
}

/** A snapshot puts one image on a disk; what lies deeper is another VM's. */
export function linkedClones({ data }: VmObject): Params[] {
  const parents = new Map(data.snapshots.map(({ id, parentId }) => [id, parentId]));
  const current = data.snapshots.find((snapshot) => snapshot.current)?.id ?? null;
  let depth = 0;
  for (let at = current; at !== null && depth <= parents.size; at = parents.get(at) ?? null) depth += 1;
  return data.disks.flatMap(({ id, name, backingDepth }) => (backingDepth > depth ? [{ disk: name || id }] : []));
}

/** A snapshot of a disk that is written to may grow to the disk's size; a tenth of it is what a night of changes takes. */
export function crowdedStorages({ data }: VmObject, { storages }: ConcernContext): Params[] {
  const found = data.disks.flatMap(({ storageRef, storage, sizeBytes }) => {
    const free = storageRef === null ? null : (storages?.get(storageRef)?.freeBytes ?? null);
    const needed = Math.max(1024 * mib, (sizeBytes ?? 0) / 10);
    return free !== null && free < needed ? [{ storage: storage ?? storageRef ?? '', free }] : [];
  });
  return [...new Map(found.map((one) => [one.storage, one])).values()];
}

/** RFC 1123: what Kubernetes takes as the name of a VM. */
export function unusableName({ name }: VmObject): Params[] {
  return name.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name) ? [] : [{}];
}

/**
 * Guests that virt-v2v 2.2 converts, by VMware's guest ids: virt-v2v-support(1) and what libguestfs inspects. Others can
 * be copied without conversion.
 */
const convertible =
  /^(rhel|centos|oracleLinux|fedora|debian|ubuntu|sles|opensuse|suse|asianux|almalinux|rockylinux|amazonlinux|other\d*xLinux|otherLinux|windows|win)/i;

export function unsupportedOs({ data: { os } }: VmObject): Params[] {
  // A guest that VMware itself calls "other" may be anything: it says nothing against it.
  const known = os.id.replace(/Guest$/, '');
  if (known === '' || convertible.test(known)) return [];
  return [{ os: os.name || os.id }];
}

/** Disks whose fact `libvirt.disk.<disk>.<what>` is one of `values` (any text when there are none). */
export function disksWithFact(what: string, ...values: readonly (string | boolean)[]): (vm: VmObject) => Params[] {
  return ({ data }) =>
    data.disks.flatMap(({ id, name }) => {
      const value = data.facts[`libvirt.disk.${id}.${what}`];
      if (value === undefined || value === null || value === '' || value === false) return [];
      return values.length === 0 || values.some((one) => one === value)
        ? [{ disk: name || id, value: String(value) }]
        : [];
    });
}

export function nicsWithFact(what: string, ...values: readonly string[]): (vm: VmObject) => Params[] {
  return ({ data }) =>
    data.nics.flatMap(({ id, mac }) => {
      const value = data.facts[`libvirt.nic.${id}.${what}`];
      return typeof value === 'string' && values.includes(value) ? [{ nic: mac ?? id, value }] : [];
    });
}
