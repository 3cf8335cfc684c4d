/** What is shown of hosts, networks and storages (src/model/inventory.ts). What a source does not tell is a dash. */
import type { ObjectView } from '../../api/types.ts';
import { bytes } from '../../format.ts';

export type ListedKind = 'host' | 'network' | 'storage';
type Data = ObjectView['data'];
type Column = { readonly title: string; readonly text: (data: Data) => string };

const unknown = '–';
const words = (value: unknown): string => (typeof value === 'string' && value !== '' ? value : unknown);
const number = (value: unknown): string => (typeof value === 'number' ? value.toLocaleString() : unknown);
const size = (value: unknown): string => (typeof value === 'number' ? bytes(value) : unknown);

export const columnsOf: Readonly<Record<ListedKind, readonly Column[]>> = {
  host: [
    { title: 'Power', text: ({ power }) => words(power) },
    { title: 'Connection', text: ({ connection }) => words(connection) },
    { title: 'Maintenance', text: ({ maintenance }) => (maintenance === true ? 'yes' : 'no') },
    { title: 'Version', text: ({ version }) => words(version) },
    { title: 'CPUs', text: ({ cpus }) => number(cpus) },
    { title: 'Memory', text: ({ memoryBytes }) => size(memoryBytes) },
  ],
  network: [
    { title: 'Type', text: ({ type }) => words(type) },
    { title: 'VLAN', text: ({ vlan }) => words(vlan) },
  ],
  storage: [
    { title: 'Type', text: ({ type }) => words(type) },
    { title: 'Capacity', text: ({ capacityBytes }) => size(capacityBytes) },
    { title: 'Free', text: ({ freeBytes }) => size(freeBytes) },
    { title: 'Accessible', text: ({ accessible }) => (accessible === false ? 'no' : 'yes') },
  ],
};
