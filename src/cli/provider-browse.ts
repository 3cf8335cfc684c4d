/** What is in a source that is not saved, as people read it. */
import type { UnsavedInventory } from '../inventory/api.ts';
import type { InventoryObject } from '../model/inventory.ts';
import { explain, type ErrorCode } from '../model/errors.ts';
import { type Column, plain, printTable, shownBytes } from './output.ts';

type VmObject = Extract<InventoryObject, { kind: 'vm' }>;

export function printUnsaved({ product, objects, concerns, unreadable, truncated }: UnsavedInventory): void {
  const vms = objects.filter((object): object is VmObject => object.kind === 'vm');
  const worst = ({ ref }: VmObject): string => {
    const found = concerns[ref] ?? [];
    return found[0] === undefined ? '' : `${found[0].severity} (${found.length})`;
  };
  process.stdout.write(`${plain(product)}\n`);
  printTable(vms, [...columns, { title: 'CONCERNS', of: worst }]);
  for (const { name, code, params, causes } of unreadable) {
    const { message } = explain({ code: code as ErrorCode, params, causes });
    process.stdout.write(`${plain(`${name} cannot be read: ${message}`)}\n`);
  }
  if (truncated) process.stdout.write('There is more than one answer holds: add it as a provider to see all of it.\n');
}

const columns: readonly Column<VmObject>[] = [
  { title: 'NAME', of: ({ name }) => name },
  { title: 'POWER', of: ({ data }) => data.power },
  { title: 'HOST', of: ({ data }) => data.host ?? '' },
  { title: 'CPUS', of: ({ data }) => String(data.cpus), right: true },
  { title: 'MEMORY', of: ({ data }) => shownBytes(data.memoryBytes), right: true },
  { title: 'DISKS', of: ({ data }) => String(data.disks.length), right: true },
  {
    title: 'SIZE',
    of: ({ data }) => shownBytes(data.disks.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0)),
    right: true,
  },
];
