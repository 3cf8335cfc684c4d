/** `wherry vm list|show`: the VMs of all providers, found by a filter. */
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { InventoryVmView } from '../inventory/api.ts';
import type { RuleList, VmListItem, VmPage } from '../inventory/search-api.ts';
import { type ErrorCode, explain, fill, WherryError } from '../model/errors.ts';
import type { Client } from './client.ts';
import { clientFor, type CommonFlags, run, withCommonFlags } from './command.ts';
import { idOfProvider } from './provider-id.ts';
import { type Column, plain, printJson, printTable, shownBytes } from './output.ts';

type ListFlags = CommonFlags & {
  readonly filter?: string;
  readonly provider?: string;
  readonly sort?: string;
  readonly limit: string;
  readonly csv?: boolean;
};

export function addVmCommand(program: Command): void {
  const vm = program.command('vm').description('VMs of all providers');
  withCommonFlags(vm.command('list').description('list VMs, those that a filter finds'))
    .option('--filter <filter>', 'for example: name ~ web* and power = on (docs/search.md)')
    .option('--provider <name>', 'only VMs of this provider, by name or id')
    .option('--sort <field>', 'name, -memory, host, severity …; a minus: the other way round', 'name')
    .option('--limit <count>', 'at most so many in the table; --json and --csv print all', '200')
    .option('--csv', 'print CSV')
    .action((flags: ListFlags) => run(flags, () => list(flags)));
  withCommonFlags(vm.command('show <vm>').description('one VM in full, by id or name')).action(
    (name: string, flags: CommonFlags) => run(flags, () => show(name, flags)),
  );
}

async function list(flags: ListFlags): Promise<void> {
  const client = clientFor(flags);
  const query = new URLSearchParams({ sort: flags.sort ?? 'name' });
  if (flags.filter !== undefined) query.set('filter', flags.filter);
  if (flags.provider !== undefined) query.set('provider', await idOfProvider(client, flags.provider));
  if (flags.json === true || flags.csv === true) {
    query.set('format', flags.csv === true ? 'csv' : 'json');
    const text = await client.text(`/inventory/vms/export?${query.toString()}`, { timeoutMs: 600_000 });
    return pipeline(Readable.from([text]), process.stdout, { end: false });
  }
  const most = Number.parseInt(flags.limit, 10);
  if (!(most > 0)) throw new WherryError('client.usage', { problem: `--limit ${flags.limit} is no number` });
  query.set('limit', String(Math.min(most, 500)));
  const { items, total } = await client.get<VmPage>(`/inventory/vms?${query.toString()}`);
  printTable(items, columns);
  if (total > items.length) process.stdout.write(`${items.length} of ${total}; --csv and --json print all of them\n`);
}

const columns: readonly Column<VmListItem>[] = [
  { title: 'NAME', of: (vm) => vm.name },
  { title: 'PROVIDER', of: (vm) => vm.provider.name },
  { title: 'POWER', of: (vm) => vm.power },
  { title: 'HOST', of: (vm) => vm.host ?? '' },
  { title: 'CPUS', of: (vm) => String(vm.cpus), right: true },
  { title: 'MEMORY', of: (vm) => shownBytes(vm.memoryBytes), right: true },
  { title: 'DISKS', of: (vm) => String(vm.diskCount), right: true },
  { title: 'SIZE', of: (vm) => shownBytes(vm.diskBytes), right: true },
  { title: 'CONCERNS', of: (vm) => (vm.severity === 'none' ? '' : `${vm.severity} (${vm.concerns.length})`) },
];

async function show(name: string, flags: CommonFlags): Promise<void> {
  const client = clientFor(flags);
  const view = await client.get<InventoryVmView>(`/inventory/vms/${encodeURIComponent(await vmId(client, name))}`);
  if (flags.json === true) return printJson(view);
  const { vm } = view;
  const lines: readonly (readonly [string, string])[] = [
    ['Provider', view.provider?.name ?? 'removed'],
    ['Power', vm.power],
    ['Place', [vm.cluster, vm.host].filter((one) => one !== null).join(' / ')],
    ['Folder', vm.folder],
    ['System', vm.os.name || vm.os.id],
    ['CPUs', String(vm.cpus)],
    ['Memory', shownBytes(vm.memoryBytes)],
    ['Firmware', `${vm.firmware ?? 'not known'}${vm.secureBoot ? ', Secure Boot' : ''}`],
    ['Addresses', vm.ips.join(', ')],
    ['Tags', vm.tags.join(', ')],
  ];
  const told = lines.filter(([, value]) => value !== '');
  process.stdout.write(
    `${plain(view.name)}\n${told.map(([key, value]) => `  ${key.padEnd(10)} ${plain(value)}\n`).join('')}`,
  );
  for (const disk of vm.disks) {
    const size = disk.sizeBytes === null ? 'size not known' : shownBytes(disk.sizeBytes);
    process.stdout.write(`  ${plain(`${disk.name}: ${size}, ${disk.bus}, ${disk.path ?? ''}`)}\n`);
  }
  for (const nic of vm.nics)
    process.stdout.write(`  ${plain(`NIC ${nic.mac ?? ''}: ${nic.network ?? 'no network'}`)}\n`);
  if (view.concerns.length === 0) return;
  const { items } = await client.get<RuleList>('/inventory/rules');
  for (const { severity, code, params, causes = [] } of view.concerns) {
    const rule = items.find(({ id }) => id === code);
    const known = explain({ code: code as ErrorCode, params, causes });
    const text = rule === undefined ? known.message : fill(rule.text, params);
    const next = rule === undefined ? known.next : fill(rule.fix, params);
    process.stdout.write(`\n${severity}: ${plain(text)} [${code}]\n${next === '' ? '' : `  → ${plain(next)}\n`}`);
  }
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @throws source.vm_not_found, client.usage when several have the name */
async function vmId(client: Client, name: string): Promise<string> {
  if (uuid.test(name)) return name;
  const filter = `name = "${name.replaceAll(/["\\]/g, '\\$&')}"`;
  const { items } = await client.get<VmPage>(
    `/inventory/vms?${new URLSearchParams({ filter, limit: '10' }).toString()}`,
  );
  const [first, ...others] = items;
  if (first === undefined) throw new WherryError('request.not_found', { kind: 'VM', id: name });
  if (others.length === 0) return first.id;
  const known = items.map((vm) => `${vm.id} (${vm.provider.name}, ${vm.folder})`).join('; ');
  throw new WherryError('client.usage', { problem: `several VMs are named ${name}: name one by its id: ${known}` });
}
