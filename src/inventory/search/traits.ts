/**
 * Properties with few values that have no column of their own, as words (`disks.bus=scsi`): what the columns `traits` and
 * `disk_paths` of inventory_vm are written from, and what a filter on such a field looks for.
 */
import type { InventoryVm } from '../../model/inventory.ts';

type Plain = string | number | boolean | null;

/** By field: the values that a VM has of it. Each is in `traits`; null and empty values are not. */
export const traitValues = {
  origin: (vm) => [vm.origin],
  detail: (vm) => [vm.detail],
  'disks.bus': ({ disks }) => disks.map(({ bus }) => bus),
  'disks.format': ({ disks }) => disks.map(({ format }) => format),
  'disks.mode': ({ disks }) => disks.map(({ mode }) => mode),
  'disks.rdm': ({ disks }) => disks.map(({ rdm }) => rdm),
  'disks.shared': ({ disks }) => disks.map(({ shared }) => shared),
  'disks.encrypted': ({ disks }) => disks.map(({ encrypted }) => encrypted),
  'disks.cbt': ({ disks }) => disks.map(({ changeTracking }) => changeTracking),
  'nics.model': ({ nics }) => nics.map(({ model }) => model),
  'nics.connected': ({ nics }) => nics.map(({ connected }) => connected),
  'devices.kind': ({ devices }) => devices.map(({ kind }) => kind),
  'devices.type': ({ devices }) => devices.map(({ type }) => type),
  'snapshots.memory': ({ snapshots }) => snapshots.map(({ memory }) => memory),
} as const satisfies Record<string, (vm: InventoryVm) => readonly Plain[]>;

export type TraitName = keyof typeof traitValues;

const named = Object.entries(traitValues) as [TraitName, (vm: InventoryVm) => readonly Plain[]][];

/** For the column `traits`: sorted, each once, folded. */
export function traitsOf(vm: InventoryVm): string[] {
  const words = new Set<string>();
  for (const [name, values] of named) {
    let last: Plain = null;
    for (const value of values(vm)) {
      // One disk is much as the next.
      if (value === null || value === '' || value === last) continue;
      words.add(`${name}=${fold(String(value))}`);
      last = value;
    }
  }
  return [...words].sort();
}

/** For the column `disk_paths`. */
export function diskPathsOf({ disks }: InventoryVm): string[] {
  return [...new Set(disks.flatMap(({ path }) => (path === null || path === '' ? [] : [path])))];
}

/** How text is compared everywhere: A to Z are a to z, all else is as it is (PostgreSQL's lower() under "C" does the same). */
export function fold(text: string): string {
  // Nearly all text is ASCII, of which this is the same.
  if (!/[\u0080-\uffff]/.test(text)) return text.toLowerCase();
  return text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase());
}
