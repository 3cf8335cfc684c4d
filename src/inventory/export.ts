/**
 * Lists of VMs as files. CSV is RFC 4180 (CRLF, quotes doubled). Names come from outside, and spreadsheets run a text that
 * looks like a formula: such a text gets an apostrophe in front, which they show as text and other programs can take away.
 */
import type { VmListItem } from './search-api.ts';

type Cell = string | number | boolean | null;

const columns: Readonly<Record<string, (vm: VmListItem) => Cell>> = {
  name: (vm) => vm.name,
  provider: (vm) => vm.provider.name,
  power: (vm) => vm.power,
  host: (vm) => vm.host,
  cluster: (vm) => vm.cluster,
  folder: (vm) => vm.folder,
  os: (vm) => vm.os,
  cpus: (vm) => vm.cpus,
  memory_bytes: (vm) => vm.memoryBytes,
  disks: (vm) => vm.diskCount,
  disk_bytes: (vm) => vm.diskBytes,
  used_bytes: (vm) => vm.usedBytes,
  storages: (vm) => vm.storages.join('; '),
  networks: (vm) => vm.networks.join('; '),
  macs: (vm) => vm.macs.join('; '),
  ips: (vm) => vm.ips.join('; '),
  hostname: (vm) => vm.hostname,
  firmware: (vm) => vm.firmware,
  tools: (vm) => vm.tools,
  snapshots: (vm) => vm.snapshotCount,
  template: (vm) => vm.template,
  connection: (vm) => vm.connection,
  tags: (vm) => vm.tags.join('; '),
  severity: (vm) => vm.severity,
  concerns: (vm) => vm.concerns.join('; '),
  uuid: (vm) => vm.uuid,
  ref: (vm) => vm.ref,
  id: (vm) => vm.id,
};

export async function* csvOf(pages: AsyncIterable<readonly VmListItem[]>): AsyncGenerator<string> {
  yield lineOf(Object.keys(columns));
  for await (const page of pages) {
    yield page.map((vm) => lineOf(Object.values(columns).map((of) => of(vm)))).join('');
  }
}

/** One array, an item per line. */
export async function* jsonOf(pages: AsyncIterable<readonly VmListItem[]>): AsyncGenerator<string> {
  let separator = '[\n';
  for await (const page of pages) {
    yield page.map((vm, at) => `${at === 0 ? separator : ',\n'}${JSON.stringify(vm)}`).join('');
    separator = ',\n';
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}

function lineOf(cells: readonly Cell[]): string {
  return `${cells.map(cellOf).join(',')}\r\n`;
}

/** What Excel, LibreOffice and Google Sheets begin a formula with; the wide forms count in some of them as well. */
const formula = /^[\s\p{Cc}]*[=+\-@＝＋－＠\t\r\n]/u;

export function cellOf(value: Cell): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = formula.test(value) ? `'${value}` : value;
  return /[",\r\n\t;']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
