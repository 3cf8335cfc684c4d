/** Each rule with a VM that has it, beside one of each type that has nothing. */
import { expect, test } from 'vitest';
import { emptyDisk, emptyNic, vmObject } from '../inventory/search/testing.ts';
import type {
  InventoryDisk,
  InventoryHost,
  InventorySnapshot,
  InventoryStorage,
  InventoryVm,
} from '../model/inventory.ts';
import type { ProviderType } from '../model/provider.ts';
import { concernsOf } from './concerns-of.ts';
import type { ConcernContext } from './context.ts';
import { factName, facts } from './facts.ts';
import { productRules } from './rules.ts';

const storage: InventoryStorage = {
  type: 'VMFS',
  capacityBytes: 2 ** 42,
  freeBytes: 2 ** 40,
  accessible: true,
  wwns: [],
};
const host: InventoryHost = {
  version: '8',
  cpus: 8,
  memoryBytes: 2 ** 36,
  connection: 'connected',
  maintenance: false,
  power: 'on',
};
const disk: InventoryDisk = { ...emptyDisk, bus: 'scsi', changeTracking: null };
const fine: Partial<InventoryVm> = {
  detail: 'full',
  power: 'on',
  connection: 'connected',
  origin: 'vmware',
  os: { id: 'rhel9_64Guest', name: 'Red Hat Enterprise Linux 9 (64-bit)' },
  hardwareVersion: 'vmx-19',
  tools: 'running',
  hostname: 'web.example.com',
  ips: ['192.0.2.7'],
  changeTracking: true,
  disks: [disk],
  nics: [emptyNic],
};
const context: Omit<ConcernContext, 'type'> = {
  host,
  clusterFacts: { 'cluster.drs': false, 'cluster.dpm': false },
  storages: new Map([['datastore-1', storage]]),
};

type Case = {
  /** What the VM has beside what is fine. */
  readonly vm?: Partial<InventoryVm>;
  readonly disk?: Partial<InventoryDisk>;
  readonly facts?: InventoryVm['facts'];
  readonly name?: string;
  readonly context?: Partial<ConcernContext>;
  /** Beside `vm`. */
  readonly params?: Record<string, unknown>;
};

const device = (kind: InventoryVm['devices'][number]['kind'], detail = ''): Case => ({
  vm: { devices: [{ kind, type: 'T', name: 'Device 1', detail }] },
});
const snapshot: InventorySnapshot = {
  id: '1',
  name: 'before',
  description: '',
  createdAt: null,
  parentId: null,
  current: true,
  memory: false,
};
const disks = (count: number): InventoryDisk[] =>
  Array.from({ length: count }, (_, at) => ({ ...disk, id: String(at) }));
const shared: Case = {
  context: { sharedWith: new Map([[disk.id, ['db-1', 'db-2']]]) },
  params: { disk: 'Hard disk 1', others: 'db-1, db-2' },
};
const inDisk = { params: { disk: 'Hard disk 1' } };
const inDevice = { params: { device: 'Device 1' } };

const cases: Readonly<Record<string, Case>> = {
  'vmware.datastore.missing': { disk: { storage: null, storageRef: null }, ...inDisk },
  'vmware.disk.capacity.invalid': { disk: { sizeBytes: 0 }, ...inDisk },
  'vmware.guestDisks.freespace': {
    facts: { 'guest.disk./.freeBytes': 50e6, 'guest.disk./boot.freeBytes': 60e6, 'guest.disk./snap/x.freeBytes': 0 },
    params: { path: '/', free: 50e6, needed: 100 * 2 ** 20 },
  },
  'vmware.passthrough_device.detected': { ...device('passthrough'), ...inDevice },
  'vmware.changed_block_tracking.disabled': { vm: { changeTracking: false } },
  'vmware.changed_block_tracking.disk.disabled': { disk: { changeTracking: false }, ...inDisk },
  'vmware.consolidation_needed': { facts: { 'vmware.consolidationNeeded': true } },
  'vmware.cpu_affinity.detected': { facts: { 'vmware.cpuAffinity': true } },
  'vmware.cpu_memory.hotplug.enabled': { facts: { 'vmware.memoryHotAdd': true } },
  'vmware.device.sriov.detected': { ...device('sriov'), ...inDevice },
  'vmware.disk.count.exceeds.limit': { vm: { disks: disks(166) } },
  'vmware.disk.rdm.detected': { disk: { rdm: 'virtual' }, ...inDisk },
  'vmware.disk.shared.detected': shared,
  'vmware.disk_mode.independent': { disk: { mode: 'independent_nonpersistent' }, ...inDisk },
  'vmware.host_affinity.detected': { facts: { 'vmware.hostAffinity': true } },
  'vmware.hostname.default': { vm: { hostname: 'localhost.localdomain' } },
  'vmware.hostname.empty': { vm: { hostname: '' } },
  'vmware.numa_affinity.detected': { facts: { 'vmware.numaAffinity': true } },
  'vmware.os.unsupported': {
    vm: { os: { id: 'solaris11_64Guest', name: 'Solaris 11' } },
    params: { os: 'Solaris 11' },
  },
  'vmware.tpm.detected': device('tpm'),
  'vmware.usb_controller.detected': device('usb-controller'),
  'vmware.vm.name.invalid': { name: 'Web Server' },
  'vmware.vm_missing_ip.detected': { vm: { ips: [] } },
  'vmware.disk_serial.truncated': { facts: { 'vmware.diskEnableUuid': true } },
  'vmware.dpm.enabled': { context: { clusterFacts: { 'cluster.dpm': true } } },
  'vmware.drs.enabled': { context: { clusterFacts: { 'cluster.drs': true } } },
  'vmware.fault_tolerance.enabled': { facts: { 'vmware.faultTolerance': true } },
  'vmware.guestDisks.key.not_found': { facts: { 'guest.disk.C:\\.disk': '' }, params: { path: 'C:\\' } },
  'vmware.snapshot.detected': { vm: { snapshots: [snapshot] } },
  'vmware.connection.lost': { vm: { connection: 'orphaned' } },
  'vmware.host.maintenance': { context: { host: { ...host, maintenance: true } } },
  'vmware.host.disconnected': { context: { host: { ...host, connection: 'notResponding' } } },
  'vmware.power.suspended': { vm: { power: 'suspended' } },
  'vmware.template.detected': { vm: { template: true } },
  'vmware.question.pending': {
    facts: { 'vmware.question': 'Moved or copied?' },
    params: { question: 'Moved or copied?' },
  },
  'vmware.vm.encrypted': { facts: { 'vmware.encrypted': true } },
  'vmware.disk.encrypted': { disk: { encrypted: true }, ...inDisk },
  'vmware.disk.rdm.physical': { disk: { rdm: 'physical' }, ...inDisk },
  'vmware.storage.inaccessible': {
    context: { storages: new Map([['datastore-1', { ...storage, accessible: false }]]) },
    ...inDisk,
  },
  'vmware.gpu.detected': { ...device('gpu'), ...inDevice },
  'vmware.bus_sharing.detected': { facts: { 'vmware.busSharing': 'SCSI 1' }, params: { controllers: 'SCSI 1' } },
  'vmware.disk.linked_clone': { vm: { snapshots: [snapshot] }, disk: { backingDepth: 2 }, ...inDisk },
  'vmware.disk.chain.long': { disk: { backingDepth: 30 }, ...inDisk },
  'vmware.hardware_version.old': { vm: { hardwareVersion: 'vmx-04' } },
  'vmware.vapp.detected': { facts: { 'vmware.vapp': true } },
  'vmware.storage.crowded': {
    context: { storages: new Map([['datastore-1', { ...storage, freeBytes: 2 ** 29 }]]) },
    params: { storage: 'fast', free: 2 ** 29 },
  },
  'vmware.media.attached': { ...device('cdrom', '[iso] a.iso'), ...inDevice },
  'vmware.disks.none': { vm: { disks: [] } },
  'vmware.tools.not_installed': { vm: { tools: 'not-installed' } },
  'vmware.tools.not_running': { vm: { tools: 'not-running' } },
  'vmware.storage.object': { context: { storages: new Map([['datastore-1', { ...storage, type: 'vsan' }]]) } },
  'vmware.disk.bus.mapped': { disk: { bus: 'nvme' }, ...inDisk },
  'vmware.port.detected': { ...device('serial'), ...inDevice },
  'vmware.nic.unplugged': { vm: { nics: [{ ...emptyNic, connected: false }] }, params: { nic: 'VM Network' } },
  'vmware.secure_boot.detected': { vm: { secureBoot: true } },
  'vmware.nested_hypervisor.detected': { facts: { 'vmware.nestedHypervisor': true } },
  'ova.disk.capacity.invalid': { disk: { sizeBytes: 0 }, ...inDisk },
  'ova.cpu_affinity.detected': { facts: { 'ova.cpuAffinity': true } },
  'ova.cpu_memory.hotplug.enabled': { facts: { 'ova.cpuHotAdd': true } },
  'ova.disk.count.exceeds.limit': { vm: { disks: disks(166) } },
  'ova.name.invalid': { name: 'x'.repeat(64) },
  'ova.source.unsupported': { vm: { origin: 'unknown' } },
  'ova.disk.encrypted': { disk: { encrypted: true }, ...inDisk },
  'ova.disks.none': { vm: { disks: [] } },
  'ova.os.unknown': { vm: { os: { id: '', name: '' } } },
  'ova.secure_boot.detected': { vm: { secureBoot: true } },
  'libvirt.passthrough.detected': { ...device('passthrough'), ...inDevice },
  'libvirt.gpu.detected': { ...device('gpu'), ...inDevice },
  'libvirt.power.suspended': { vm: { power: 'suspended' } },
  'libvirt.managed_save.detected': { facts: { 'libvirt.managedSave': true } },
  'libvirt.firmware.missing': {
    facts: { 'libvirt.firmwareMissing': true, 'libvirt.loader': '/x.fd' },
    params: { loader: '/x.fd' },
  },
  'libvirt.launch_security.detected': { facts: { 'libvirt.launchSecurity': 'sev' }, params: { type: 'sev' } },
  'libvirt.direct_kernel.detected': { facts: { 'libvirt.directKernel': '/vmlinuz' }, params: { kernel: '/vmlinuz' } },
  'libvirt.disk.missing': {
    facts: { [factName('libvirt.disk.<disk>.missing', disk.id)]: true },
    params: { disk: 'Hard disk 1', value: 'true' },
  },
  'libvirt.disk.capacity.invalid': { disk: { sizeBytes: 0 }, ...inDisk },
  'libvirt.disk.encrypted': { disk: { encrypted: true }, ...inDisk },
  'libvirt.disk.capacity.unknown': { disk: { sizeBytes: null }, ...inDisk },
  'libvirt.disk.shared.detected': shared,
  'libvirt.disk.lun.detected': {
    facts: { 'libvirt.disk.2000.device': 'lun' },
    params: { disk: 'Hard disk 1', value: 'lun' },
  },
  'libvirt.disk.transient': {
    facts: { 'libvirt.disk.2000.transient': true },
    params: { disk: 'Hard disk 1', value: 'true' },
  },
  'libvirt.disk.backing.detected': { disk: { backingDepth: 1 }, ...inDisk },
  'libvirt.sriov.detected': { ...device('sriov'), ...inDevice },
  'libvirt.nic.direct': {
    facts: { 'libvirt.nic.4000.type': 'direct' },
    params: { nic: emptyNic.mac, value: 'direct' },
  },
  'libvirt.tpm.detected': device('tpm'),
  'libvirt.usb.detected': { ...device('usb'), ...inDevice },
  'libvirt.filesystem.detected': { facts: { 'libvirt.filesystems': 1 } },
  'libvirt.shared_memory.detected': { facts: { 'libvirt.sharedMemory': 1 } },
  'libvirt.command_line.detected': { facts: { 'libvirt.commandLine': true } },
  'libvirt.transient.detected': { facts: { 'libvirt.persistent': false } },
  'libvirt.cpu_affinity.detected': { facts: { 'libvirt.cpuAffinity': true } },
  'libvirt.numa_affinity.detected': { facts: { 'libvirt.numaAffinity': true } },
  'libvirt.media.attached': { ...device('floppy', '/a.img'), ...inDevice },
  'libvirt.arch.foreign': { facts: { 'libvirt.arch': 'ppc64le' }, params: { arch: 'ppc64le' } },
  'libvirt.power.paused': { vm: { power: 'paused' } },
  'libvirt.disks.none': { vm: { disks: [] } },
  'libvirt.snapshot.detected': { vm: { snapshots: [snapshot] } },
  'libvirt.checkpoint.detected': { facts: { 'libvirt.checkpoints': 2 } },
  'libvirt.disk.network': {
    facts: { 'libvirt.disk.2000.protocol': 'rbd' },
    params: { disk: 'Hard disk 1', value: 'rbd' },
  },
  'libvirt.cpu_mode.host': { facts: { 'libvirt.cpuMode': 'host-passthrough' } },
  'libvirt.huge_pages.detected': { facts: { 'libvirt.hugePages': true } },
  'libvirt.watchdog.detected': device('watchdog'),
  'libvirt.secure_boot.detected': { vm: { secureBoot: true } },
  'libvirt.autostart.detected': { facts: { 'libvirt.autostart': true } },
};

/** All that a fine VM of a type has, said to be fine, so that "not known" is not what keeps a rule silent. */
const fineFacts: Readonly<Record<ProviderType, InventoryVm['facts']>> = {
  vsphere: Object.fromEntries([
    ...facts
      .filter(({ type, name }) => type === 'boolean' && name.startsWith('vmware.'))
      .map(({ name }) => [name, false]),
    ['guest.disk./.freeBytes', 2 ** 34],
    ['guest.disk./.disk', '2000'],
    ['vmware.question', ''],
    ['vmware.busSharing', ''],
  ]),
  ova: { 'ova.cpuAffinity': false, 'ova.cpuHotAdd': false, 'ova.cpuHotRemove': false, 'ova.memoryHotAdd': false },
  libvirt: {
    ...Object.fromEntries(
      facts
        .filter(({ type, name }) => type === 'boolean' && /^libvirt\.\w+$/.test(name))
        .map(({ name }) => [name, name === 'libvirt.persistent']),
    ),
    'libvirt.arch': 'x86_64',
    'libvirt.cpuMode': 'custom',
    'libvirt.disk.2000.type': 'file',
    'libvirt.disk.2000.device': 'disk',
    'libvirt.nic.4000.type': 'network',
    'libvirt.filesystems': 0,
    'libvirt.sharedMemory': 0,
    'libvirt.checkpoints': 0,
  },
};

const typeOf = { vmware: 'vsphere', ova: 'ova', libvirt: 'libvirt' } as const;

function found(type: ProviderType, one: Case = {}) {
  const name = one.name ?? 'web-01';
  const own = {
    facts: { ...fineFacts[type], ...one.facts },
    ...(one.disk === undefined ? {} : { disks: [{ ...disk, ...one.disk }] }),
  };
  return concernsOf(vmObject(name, { ...fine, ...one.vm, ...own }), { ...context, ...one.context, type });
}

test.each(['vsphere', 'ova', 'libvirt'] as const)('nothing is said of a fine VM of %s', (type) => {
  expect(found(type)).toEqual([]);
});

test('every rule has a case, and every case a rule', () => {
  expect(productRules.rules.map(({ id }) => id).sort()).toEqual(Object.keys(cases).sort());
});

test.each(productRules.rules.map((rule) => [rule.id, rule] as const))('%s', (id, rule) => {
  const one = cases[id] ?? {};
  const type = typeOf[id.split('.')[0] as keyof typeof typeOf];
  const concerns = found(type, one).filter(({ code }) => code === id);
  expect(concerns).toEqual([
    { code: id, severity: rule.severity, params: { vm: one.name ?? 'web-01', ...one.params } },
  ]);
  // Every parameter of its texts is there, or may be left out.
  const needed = [...`${rule.text} ${rule.fix}`.replaceAll(/\[[^\]]*\]/g, '').matchAll(/\{(\w+)/g)].map(
    ([, name]) => name,
  );
  expect(Object.keys(concerns[0]?.params ?? {})).toEqual(expect.arrayContaining(needed));
});

const ids = (prefix: string, ...names: string[]): string[] => names.map((name) => `${prefix}.${name}`);

test('all of Forklift’s rules for VMware and OVA are there', () => {
  const forklift = [
    ...ids(
      'vmware',
      'datastore.missing',
      'disk.capacity.invalid',
      'guestDisks.freespace',
      'passthrough_device.detected',
    ),
    ...ids('vmware', 'changed_block_tracking.disabled', 'changed_block_tracking.disk.disabled', 'consolidation_needed'),
    ...ids('vmware', 'cpu_affinity.detected', 'cpu_memory.hotplug.enabled', 'device.sriov.detected'),
    ...ids('vmware', 'disk.count.exceeds.limit', 'disk.rdm.detected', 'disk.shared.detected', 'disk_mode.independent'),
    ...ids('vmware', 'host_affinity.detected', 'hostname.default', 'hostname.empty', 'numa_affinity.detected'),
    ...ids(
      'vmware',
      'os.unsupported',
      'tpm.detected',
      'usb_controller.detected',
      'vm.name.invalid',
      'vm_missing_ip.detected',
    ),
    ...ids('vmware', 'disk_serial.truncated', 'dpm.enabled', 'drs.enabled', 'fault_tolerance.enabled'),
    ...ids('vmware', 'guestDisks.key.not_found', 'snapshot.detected'),
    ...ids('ova', 'disk.capacity.invalid', 'cpu_affinity.detected', 'cpu_memory.hotplug.enabled'),
    ...ids('ova', 'disk.count.exceeds.limit', 'name.invalid', 'source.unsupported'),
  ];
  expect(forklift).toHaveLength(35);
  expect(productRules.rules.map(({ id }) => id)).toEqual(expect.arrayContaining(forklift));
});

test('each fact that a rule asks for is in the table of facts', () => {
  const known = facts.map(({ name }) => name);
  for (const { id, filter = '', with: shown = {} } of productRules.rules) {
    const asked = [...filter.matchAll(/facts\.([\w.]+)/g)].map(([, name]) => name);
    for (const name of [...asked, ...Object.values(shown)])
      expect([id, known]).toEqual([id, expect.arrayContaining([name])]);
  }
});

test('of a summary only what it tells is judged', () => {
  const summary = vmObject('web-01', { detail: 'summary', power: 'suspended' });
  const concerns = concernsOf(summary, { type: 'vsphere' });
  expect(concerns.map(({ code }) => code)).toEqual(['vmware.power.suspended']);
});

test('the worst comes first, and nothing is said without end', () => {
  const many = { disks: disks(200).map((one) => ({ ...one, mode: 'independent_persistent', sizeBytes: 0 })) };
  const concerns = found('vsphere', { vm: many });
  const order = concerns.map(({ severity }) => ['critical', 'warning', 'information'].indexOf(severity));
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  expect(concerns.filter(({ code }) => code === 'vmware.disk_mode.independent')).toHaveLength(64);
});
