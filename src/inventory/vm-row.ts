/** A VM as the row that searches look at: narrow, bounded, with its concerns. Pure. */
import { concernsOf } from '../concerns/concerns-of.ts';
import type { ConcernContext, VmObject } from '../concerns/context.ts';
import { productRules, type RuleSet } from '../concerns/rules.ts';
import type { Concern } from '../model/concern.ts';
import { diskPathsOf, traitsOf } from './search/traits.ts';

/** Column by column. */
export type VmRow = Readonly<Record<keyof typeof vmColumns, unknown>>;

/** Of inventory_vm, as `recordset` takes them. */
export const vmColumns = {
  object_id: 'uuid',
  system_id: 'uuid',
  name: 'text',
  power: 'text',
  connection: 'text',
  template: 'boolean',
  host: 'text',
  cluster: 'text',
  folder: 'text',
  os: 'text',
  cpus: 'integer',
  memory_bytes: 'bigint',
  firmware: 'text',
  secure_boot: 'boolean',
  tools: 'text',
  hostname: 'text',
  change_tracking: 'boolean',
  uuid: 'text',
  hardware_version: 'text',
  disk_count: 'integer',
  disk_bytes: 'bigint',
  used_bytes: 'bigint',
  snapshot_count: 'integer',
  nic_count: 'integer',
  disk_sizes: 'bigint[]',
  networks: 'text[]',
  storages: 'text[]',
  macs: 'text[]',
  ips: 'text[]',
  tags: 'text[]',
  traits: 'text[]',
  disk_paths: 'text[]',
  concerns: 'text[]',
  severity: 'smallint',
  concern_list: 'jsonb',
  rules_version: 'text',
} as const;

/** Indexes hold at most some 2,700 bytes; a longer name is searched by its beginning, and shown whole from the object. */
const longestName = 500;
const longestPath = 600;
const mostInt = 2 ** 31 - 1;

/** @param place the object's id and its system's */
export function vmRow(
  vm: VmObject,
  place: { readonly objectId: string; readonly systemId: string },
  context: ConcernContext,
  rules: RuleSet = productRules,
): VmRow {
  const { data } = vm;
  const concerns = concernsOf(vm, context, rules);
  const sizes = data.disks.flatMap(({ sizeBytes }) => (sizeBytes === null ? [] : [bytes(sizeBytes)]));
  const used = data.disks.flatMap(({ usedBytes }) => (usedBytes === null ? [] : [bytes(usedBytes)]));
  return {
    object_id: place.objectId,
    system_id: place.systemId,
    name: vm.name.slice(0, longestName),
    power: data.power,
    connection: data.connection,
    template: data.template,
    host: data.host,
    cluster: data.cluster,
    folder: data.folder,
    os: data.os.name === '' ? data.os.id : data.os.name,
    cpus: Math.min(data.cpus, mostInt),
    memory_bytes: bytes(data.memoryBytes),
    firmware: data.firmware,
    secure_boot: data.secureBoot,
    tools: data.tools,
    hostname: data.hostname,
    change_tracking: data.changeTracking,
    uuid: data.uuid,
    hardware_version: data.hardwareVersion,
    disk_count: data.disks.length,
    disk_bytes: bytes(sum(sizes)),
    used_bytes: used.length === 0 ? null : bytes(sum(used)),
    snapshot_count: data.snapshots.length,
    nic_count: data.nics.length,
    disk_sizes: sizes,
    networks: distinct(data.nics.map(({ network }) => network)),
    storages: distinct(data.disks.map(({ storage }) => storage)),
    macs: distinct(data.nics.map(({ mac }) => mac?.toLowerCase() ?? null)),
    ips: distinct([...data.ips, ...data.nics.flatMap(({ ips }) => ips)]),
    tags: distinct(data.tags),
    traits: traitsOf(data),
    disk_paths: diskPathsOf(data).filter((path) => path.length <= longestPath),
    concerns: distinct(concerns.map(({ code }) => code)),
    severity: severityOf(concerns),
    concern_list: concerns,
    rules_version: rules.version,
  };
}

/** 0 none, 1 information, 2 warning, 3 critical. */
export function severityOf(concerns: readonly Concern[]): number {
  const order: readonly Concern['severity'][] = ['information', 'warning', 'critical'];
  return concerns.reduce((worst, { severity }) => Math.max(worst, order.indexOf(severity) + 1), 0);
}

function bytes(value: number): number {
  return Math.min(Math.round(value), Number.MAX_SAFE_INTEGER);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function distinct(values: ReadonlyArray<string | null>): string[] {
  return [...new Set(values.filter((value) => value !== null && value !== ''))] as string[];
}
