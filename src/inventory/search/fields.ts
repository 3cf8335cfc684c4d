/** All fields of the language. docs/search.md has a table made of this; completion and parser know nothing else. */
import { sql } from 'kysely';
import type { Field, Place, Plain, Subject } from './field.ts';
import { ruleFields } from './rule-fields.ts';
import { type TraitName, traitValues } from './traits.ts';

type Given = string | number | boolean | null | undefined;
type Values = (subject: Subject) => Given | readonly Given[];

const column = (name: string): Place => ({ kind: 'column', at: sql.ref(name), isFolded: name.startsWith('v.') });

function field(
  name: string,
  type: Field['type'],
  place: Place,
  doc: string,
  values: Values,
  more: Partial<Pick<Field, 'values' | 'many'>> = {},
): Field {
  const many = more.many ?? ['set', 'texts', 'numbers'].includes(place.kind);
  const of: Field['of'] = many ? (subject) => known(values(subject), '') : (subject) => known(values(subject));
  return { name, type, place, doc, many, values: more.values ?? [], of };
}

const nothing: readonly Plain[] = [];

/** Asked of every VM by every rule: most have one value, or none. @param nor what of a list is left out as well */
function known(given: Given | readonly Given[], nor?: ''): readonly Plain[] {
  if (given === null || given === undefined || given === nor) return nothing;
  if (typeof given !== 'object') return [given];
  const found: Plain[] = [];
  for (const one of given) if (one !== null && one !== undefined && one !== nor) found.push(one);
  return found;
}

function trait(name: TraitName, type: 'enum' | 'boolean' | 'text', doc: string, values: readonly string[] = []): Field {
  const many = name.includes('.');
  const of: Values = ({ vm }) => traitValues[name](vm.data);
  return field(name, type, { kind: 'trait', name }, doc, of, { many, values });
}

const severities = ['none', 'information', 'warning', 'critical'] as const;

/** The number PostgreSQL takes from `hardware_version` as well. */
const vmxNumber = sql<number>`substring(v.hardware_version from '^vmx-([0-9]{1,6})$')::integer`;

const columns: readonly Field[] = [
  field('name', 'text', column('v.name'), 'its name', ({ vm }) => vm.name),
  field('provider', 'text', column('p.name'), 'name of its provider', ({ provider }) => provider.name),
  field('provider.type', 'enum', column('p.type'), 'type of its provider', ({ provider }) => provider.type, {
    values: ['vsphere', 'libvirt', 'ova'],
  }),
  field('power', 'enum', column('v.power'), 'whether it runs', ({ vm }) => vm.data.power, {
    values: ['on', 'off', 'suspended', 'paused', 'unknown'],
  }),
  field(
    'connection',
    'text',
    column('v.connection'),
    'whether its host has a hold of it: connected, disconnected, orphaned, inaccessible, invalid',
    ({ vm }) => vm.data.connection,
  ),
  field('template', 'boolean', column('v.template'), 'whether it is a template', ({ vm }) => vm.data.template),
  field('host', 'text', column('v.host'), 'name of its host', ({ vm }) => vm.data.host),
  field('cluster', 'text', column('v.cluster'), 'name of its cluster', ({ vm }) => vm.data.cluster),
  field('folder', 'text', column('v.folder'), 'its folder, from the root down: DC1/vm/web', ({ vm }) => vm.data.folder),
  field('os', 'text', column('v.os'), 'its guest operating system, as the source names it', ({ vm }) =>
    vm.data.os.name === '' ? vm.data.os.id : vm.data.os.name,
  ),
  field('cpus', 'number', column('v.cpus'), 'virtual CPUs', ({ vm }) => vm.data.cpus),
  field('memory', 'size', column('v.memory_bytes'), 'memory', ({ vm }) => vm.data.memoryBytes),
  field('firmware', 'enum', column('v.firmware'), 'its firmware', ({ vm }) => vm.data.firmware, {
    values: ['bios', 'efi'],
  }),
  field('secureboot', 'boolean', column('v.secure_boot'), 'whether Secure Boot is on', ({ vm }) => vm.data.secureBoot),
  field(
    'tools',
    'enum',
    column('v.tools'),
    'guest tools (VMware Tools, the QEMU guest agent)',
    ({ vm }) => vm.data.tools,
    { values: ['running', 'not-running', 'not-installed', 'unknown'] },
  ),
  field('hostname', 'text', column('v.hostname'), 'what its guest calls itself', ({ vm }) => vm.data.hostname),
  field('cbt', 'boolean', column('v.change_tracking'), 'changed block tracking', ({ vm }) => vm.data.changeTracking),
  field('uuid', 'text', column('v.uuid'), 'its UUID', ({ vm }) => vm.data.uuid),
  field(
    'hardware',
    'number',
    { kind: 'column', at: vmxNumber, isFolded: true },
    'hardware version of VMware: 13 for vmx-13',
    ({ vm }) => /^vmx-(\d{1,6})$/.exec(vm.data.hardwareVersion)?.slice(1).map(Number) ?? [],
  ),
  field('ip', 'text', { kind: 'texts', of: 'ips' }, 'its IP addresses, as its guest told', ({ vm }) => [
    ...vm.data.ips,
    ...vm.data.nics.flatMap(({ ips }) => ips),
  ]),
  field('mac', 'text', { kind: 'texts', of: 'macs' }, 'MAC addresses of its NICs', ({ vm }) =>
    vm.data.nics.map(({ mac }) => mac),
  ),
  field('network', 'text', { kind: 'set', of: 'networks' }, 'networks of its NICs', ({ vm }) =>
    vm.data.nics.map(({ network }) => network),
  ),
  field('storage', 'text', { kind: 'set', of: 'storages' }, 'datastores or pools of its disks', ({ vm }) =>
    vm.data.disks.map(({ storage }) => storage),
  ),
  field('tag', 'text', { kind: 'set', of: 'tags' }, 'its tags', ({ vm }) => vm.data.tags),
  field('disks.count', 'number', column('v.disk_count'), 'how many disks', ({ vm }) => vm.data.disks.length),
  field('disks.size', 'size', { kind: 'numbers', at: sql.ref('v.disk_sizes') }, 'size of any of its disks', ({ vm }) =>
    vm.data.disks.map(({ sizeBytes }) => sizeBytes),
  ),
  field('disks.total', 'size', column('v.disk_bytes'), 'size of all its disks together', ({ vm }) =>
    vm.data.disks.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0),
  ),
  field(
    'disks.used',
    'size',
    column('v.used_bytes'),
    'what its disks take at the source together, as far as the source tells',
    ({ vm }) => usedBytes(vm.data.disks),
  ),
  field('nics.count', 'number', column('v.nic_count'), 'how many NICs', ({ vm }) => vm.data.nics.length),
  field(
    'snapshots.count',
    'number',
    column('v.snapshot_count'),
    'how many snapshots',
    ({ vm }) => vm.data.snapshots.length,
  ),
  field('concern', 'text', { kind: 'set', of: 'concerns' }, 'ids of what was found on it', ({ concerns }) =>
    concerns.map(({ code }) => code),
  ),
  field(
    'severity',
    'rank',
    column('v.severity'),
    'the worst of what was found on it',
    ({ concerns }) => Math.max(0, ...concerns.map(({ severity }) => severities.indexOf(severity))),
    { values: severities },
  ),
];

const traits: readonly Field[] = [
  trait('origin', 'enum', 'the hypervisor it ran on', [
    'vmware',
    'virtualbox',
    'ovirt',
    'xen',
    'kvm',
    'hyperv',
    'unknown',
  ]),
  trait('detail', 'enum', 'how much is known of it; of a summary the lists are empty', ['summary', 'full']),
  trait('disks.bus', 'enum', 'what a disk hangs on', [
    'ide',
    'sata',
    'scsi',
    'nvme',
    'virtio',
    'xen',
    'usb',
    'floppy',
    'unknown',
  ]),
  trait('disks.format', 'text', 'format of a disk: vmdk, qcow2, raw'),
  trait('disks.mode', 'text', 'mode of a disk: persistent, independent_persistent'),
  trait('disks.rdm', 'enum', 'a disk that is a raw device mapping', ['virtual', 'physical']),
  trait('disks.shared', 'boolean', 'whether a disk may be open in several VMs'),
  trait('disks.encrypted', 'boolean', 'whether a disk is encrypted by the source'),
  trait('disks.cbt', 'boolean', 'changed block tracking of a disk'),
  trait('nics.model', 'text', 'model of a NIC: vmxnet3, e1000, virtio'),
  trait('nics.connected', 'boolean', 'whether a NIC is plugged in'),
  trait('devices.kind', 'enum', 'other devices', [
    'controller',
    'passthrough',
    'sriov',
    'usb-controller',
    'usb',
    'tpm',
    'cdrom',
    'floppy',
    'serial',
    'parallel',
    'gpu',
    'watchdog',
    'other',
  ]),
  trait('devices.type', 'text', 'other devices, as the source calls them'),
  trait('snapshots.memory', 'boolean', 'whether a snapshot holds memory'),
];

/** These are read from the whole stored VM: correct, but not as quick as the others. */
const stored: readonly Field[] = [
  field('description', 'text', { kind: 'stored', key: 'description' }, 'its notes', ({ vm }) => vm.data.description),
  list('disks.name', 'disks', 'name', 'text', 'name of a disk'),
  list('disks.path', 'disks', 'path', 'text', 'file or volume of a disk'),
  list('disks.serial', 'disks', 'serial', 'text', 'serial number of a disk'),
  list('disks.backings', 'disks', 'backingDepth', 'number', 'how many images lie under a disk'),
  list('devices.name', 'devices', 'name', 'text', 'name of another device'),
  list('devices.detail', 'devices', 'detail', 'text', 'what is in a drive, what a device is tied to'),
  list('snapshots.name', 'snapshots', 'name', 'text', 'name of a snapshot'),
  {
    name: 'facts',
    type: 'fact',
    values: [],
    many: false,
    doc: 'what one type of source alone knows, as facts.NAME: facts.vmware.faultTolerance = yes',
    place: { kind: 'facts' },
    of: ({ vm, context }, fact) => {
      const { facts } = vm.data;
      const around = context?.clusterFacts ?? {};
      if (Object.hasOwn(facts, fact)) return known(facts[fact]);
      return known(Object.hasOwn(around, fact) ? around[fact] : null);
    },
  },
];

function list(
  name: string,
  of: 'disks' | 'devices' | 'snapshots',
  key: string,
  type: 'text' | 'number',
  doc: string,
): Field {
  const values: Values = ({ vm }) => vm.data[of].map((one) => (one as Record<string, Given>)[key]);
  return field(name, type, { kind: 'list', list: of, key }, doc, values, { many: true });
}

export const fields: readonly Field[] = [...columns, ...traits, ...stored, ...ruleFields];

const byName = new Map(fields.map((one) => [one.name, one]));

export function fieldNamed(name: string): Field | undefined {
  return byName.get(name.toLowerCase());
}

/** Null when it is not known of any disk. */
function usedBytes(disks: Subject['vm']['data']['disks']): number | null {
  const told = disks.flatMap((disk) => disk.usedBytes ?? []);
  return told.length === 0 ? null : told.reduce((sum, bytes) => sum + bytes, 0);
}
