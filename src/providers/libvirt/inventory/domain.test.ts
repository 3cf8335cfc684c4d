import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import { InventoryObject, type InventorySnapshot, type InventoryVm } from '../../../model/inventory.ts';
import { libvirtFacts } from '../../../concerns/facts.ts';
import { parseXml } from '../../domain/xml.ts';
import type { DomainLife, HostContext } from './context.ts';
import { describeDomain } from './domain.ts';
import {
  describeNetwork,
  describePool,
  describeSnapshot,
  hostUuid,
  orderSnapshots,
  poolPlace,
  versionText,
} from './host-objects.ts';
import { plugsOf } from './nics.ts';
import { kvmXml, xenHvmXml, xenPvXml } from './test-domains.ts';
import { bytesOf } from '../../domain/values.ts';
import { positionOf } from './values.ts';

const pool = (name: string, type: string, path: string, sourceName = '') => ({
  ref: `uuid-${name}`,
  name,
  type,
  path,
  sourceName,
});
const host: HostContext = {
  driver: 'qemu',
  hostRef: 'host:1',
  host: 'kvm1',
  pools: [
    pool('images', 'dir', '/var/lib/libvirt/images'),
    pool('fast', 'dir', '/var/lib/libvirt/images/fast/'),
    pool('bulk', 'netfs', '/mnt/bulk'),
    pool('ceph', 'rbd', '', 'vms'),
    pool('vg0', 'logical', '/dev/vg0'),
  ],
  networks: new Map([['lab', 'uuid-lab']]),
};
const running: DomainLife = {
  state: 'running',
  active: true,
  autostart: true,
  persistent: true,
  managedSave: false,
  checkpoints: 0,
  snapshots: [],
  disks: new Map(),
  addresses: [],
};
const off: DomainLife = { ...running, state: 'shut-off', active: false };

function describe(xml: string, life: DomainLife = running, context: HostContext = host): InventoryVm {
  const root = parseXml(xml);
  const object = describeDomain({ name: 'x', uuid: 'c7a5fdbd-cdaf-9455-926a-d65c16db1809', xml: root }, life, context);
  expect(Value.Check(InventoryObject, object)).toBe(true);
  if (object.kind !== 'vm') throw new Error('no VM');
  return object.data;
}

test('a KVM guest: processors, memory, firmware, system, tools', () => {
  expect(describe(kvmXml)).toMatchObject({
    detail: 'full',
    power: 'on',
    host: 'kvm1',
    cpus: 4,
    coresPerSocket: 4,
    memoryBytes: 8 * 1024 ** 3,
    origin: 'kvm',
    firmware: 'efi',
    secureBoot: true,
    os: { id: 'http://microsoft.com/win/2k22', name: 'win 2k22' },
    hardwareVersion: 'pc-q35-7.2',
    description: "the ledger's database\ndo not stop on Mondays",
    tools: 'running',
  });
});

test('its disks: bus, place, format, chain, what is shared or encrypted, and what is on a network', () => {
  const state = { sizeBytes: 10_737_418_240, usedBytes: 4096, missing: false, backingDepth: null };
  const { disks } = describe(kvmXml, { ...running, disks: new Map([['vda', state]]) });
  expect(
    disks.map(({ id, bus, controller, unit, storage, path, format }) => [
      id,
      bus,
      controller,
      unit,
      storage,
      path,
      format,
    ]),
  ).toEqual([
    ['vda', 'virtio', 0, 0, 'fast', '/var/lib/libvirt/images/fast/db01.snap2', 'qcow2'],
    ['sdb', 'scsi', 1, 5, null, '/dev/disk/by-id/scsi-36005', 'raw'],
    ['vdb', 'virtio', 0, 1, 'ceph', 'rbd:vms/db01-data', 'raw'],
    ['hdd', 'ide', 0, 3, 'bulk', 'bulk/archive.qcow2', 'qcow2'],
    ['vdc', 'virtio', 0, 2, null, 'iscsi:iqn.2013-07.com.example:pool/1', 'raw'],
  ]);
  expect(disks[0]).toMatchObject({
    sizeBytes: 10_737_418_240,
    usedBytes: 4096,
    backingDepth: 2,
    serial: 'WD-42',
    shared: false,
  });
  expect(disks[1]).toMatchObject({ sizeBytes: null, shared: true, backingDepth: 0 });
  expect(disks[2]).toMatchObject({ encrypted: true });
  expect(disks[4]).toMatchObject({ mode: 'readonly' });
});

test('its NICs: a MAC is their name, with what they are plugged into and the addresses that are told', () => {
  const addresses = [
    { name: 'eth0', mac: '52:54:00:aa:00:01', addresses: ['192.0.2.7', 'fe80::1'] },
    { name: 'lo', mac: '00:00:00:00:00:00', addresses: ['127.0.0.1'] },
  ];
  const vm = describe(kvmXml, { ...running, addresses });
  expect(vm.nics).toEqual([
    {
      id: '52:54:00:aa:00:01',
      mac: '52:54:00:aa:00:01',
      networkRef: 'uuid-lab',
      network: 'lab',
      model: 'virtio',
      connected: true,
      ips: ['192.0.2.7', 'fe80::1'],
    },
    {
      id: '52:54:00:aa:00:02',
      mac: '52:54:00:aa:00:02',
      networkRef: 'bridge:br0',
      network: 'br0',
      model: 'e1000e',
      connected: false,
      ips: [],
    },
    {
      id: '52:54:00:aa:00:03',
      mac: '52:54:00:aa:00:03',
      networkRef: 'direct:eno1',
      network: 'eno1',
      model: 'rtl8139',
      connected: true,
      ips: [],
    },
    {
      id: '52:54:00:aa:00:04',
      mac: '52:54:00:aa:00:04',
      networkRef: null,
      network: 'hostdev',
      model: null,
      connected: true,
      ips: [],
    },
  ]);
  expect(vm.ips).toEqual(['192.0.2.7', 'fe80::1']);
  expect(plugsOf(parseXml(kvmXml))).toEqual([
    { kind: 'bridge', name: 'br0' },
    { kind: 'direct', name: 'eno1' },
  ]);
});

test('its devices: what hangs on the host, media, controllers', () => {
  const { devices } = describe(kvmXml);
  const of = (kind: string) =>
    devices.filter((device) => device.kind === kind).map(({ type, detail }) => [type, detail]);
  expect(of('passthrough')).toEqual([['pci', '0000:06:12.5']]);
  expect(of('usb')).toEqual([['hostdev', '0x1234:0xbeef']]);
  expect(of('gpu')).toEqual([['vfio-pci', 'c2177883-f1bb-47f0-914d-32a22e3a8804']]);
  expect(of('sriov')).toEqual([['hostdev', '0000:07:10.1']]);
  expect(of('tpm')).toEqual([['tpm-crb', 'emulator 2.0']]);
  expect(of('cdrom')).toEqual([['sata', '/iso/virtio-win.iso']]);
  expect(of('watchdog')).toEqual([['itco', 'reset']]);
  expect(of('controller')).toEqual([['virtio-scsi', 'scsi']]);
  expect(of('usb-controller')).toEqual([['qemu-xhci', 'usb']]);
  expect(of('other')).toEqual([['filesystem', '/srv/share']]);
});

const general = (name: string): string =>
  name.replace(/^libvirt\.disk\.[^.]+\./, 'libvirt.disk.<disk>.').replace(/^libvirt\.nic\..+\./, 'libvirt.nic.<nic>.');

test('its facts go by the names that rules ask for, and what is not known is left out', () => {
  const { facts } = describe(kvmXml);
  expect(facts).toMatchObject({
    'libvirt.cpuMode': 'host-passthrough',
    'libvirt.cpuAffinity': true,
    'libvirt.numaAffinity': true,
    'libvirt.hugePages': true,
    'libvirt.commandLine': true,
    'libvirt.filesystems': 1,
    'libvirt.guestAgent': 'connected',
    'libvirt.loader': '/usr/share/OVMF/OVMF_CODE_4M.ms.fd',
    'libvirt.disk.vdb.protocol': 'rbd',
    'libvirt.disk.sdb.device': 'lun',
    'libvirt.disk.hdd.transient': true,
    'libvirt.nic.52:54:00:aa:00:03.type': 'direct',
  });
  expect(facts).not.toHaveProperty(['libvirt.disk.vda.missing']);
  expect(describe(kvmXml, { ...running, autostart: null }).facts).not.toHaveProperty(['libvirt.autostart']);
  const names = new Set(libvirtFacts.map((fact) => fact.name));
  expect(
    Object.keys(facts)
      .map(general)
      .filter((name) => !names.has(name)),
  ).toEqual([]);
});

test('a paravirtual Xen guest has no firmware, boots by pygrub, and runs although Xen says nothing of its state', () => {
  const xen: HostContext = { ...host, driver: 'xen' };
  const vm = describe(xenPvXml, { ...running, state: 'no-state' }, xen);
  expect(vm).toMatchObject({
    power: 'on',
    origin: 'xen',
    firmware: null,
    cpus: 2,
    memoryBytes: 1024 ** 3,
    hardwareVersion: 'xenpv',
  });
  expect(vm.disks.map(({ id, bus, format, storage, path }) => [id, bus, format, storage, path])).toEqual([
    ['xvda', 'xen', 'raw', 'vg0', '/dev/vg0/pv1'],
    ['xvdb', 'xen', 'raw', null, '/root/pv1-data.img'],
  ]);
  expect(vm.nics[0]).toMatchObject({ networkRef: 'bridge:xenbr0', model: null });
  expect(vm.facts).toMatchObject({
    'libvirt.bootloader': '/usr/bin/pygrub',
    'libvirt.osType': 'linux',
    'libvirt.driver': 'xen',
  });
});

test('a Xen guest with UEFI that is off', () => {
  const vm = describe(xenHvmXml, off, { ...host, driver: 'xen' });
  expect(vm).toMatchObject({ power: 'off', firmware: 'efi', secureBoot: false, memoryBytes: 2 * 1024 ** 3, cpus: 4 });
  expect(vm.disks[0]).toMatchObject({ bus: 'ide', format: 'qcow2' });
  // The network is not known on this host: it is named all the same.
  expect(vm.nics[0]).toMatchObject({ network: 'default', networkRef: null, model: 'e1000' });
});

const power = (life: Partial<DomainLife>): string => describe(kvmXml, { ...off, ...life }).power;

test('power: a saved memory image is suspended, no answer is unknown', () => {
  expect(power({})).toBe('off');
  expect(power({ managedSave: true })).toBe('suspended');
  expect(power({ managedSave: null })).toBe('off');
  expect(power({ state: 'paused' })).toBe('paused');
  expect(power({ state: 'no-state' })).toBe('unknown');
});

test('secure boot without enrolled keys is none; a firmware that is only a path is seen', () => {
  expect(
    describe(kvmXml.replace("enabled='yes' name='enrolled-keys'", "enabled='no' name='enrolled-keys'")).secureBoot,
  ).toBe(false);
  const bios = kvmXml
    .replace("<os firmware='efi'>", '<os>')
    .replace(/<loader.*<\/loader>/, '')
    .replace(/<nvram.*<\/nvram>/, '');
  expect(describe(bios)).toMatchObject({ firmware: 'bios', secureBoot: false });
});

test('hardly anything, and absurd numbers, are a VM all the same', () => {
  const vm = describe(
    "<domain type='kvm'><memory unit='TiB'>99999999999</memory><vcpu>-1</vcpu><devices><disk/><interface/></devices></domain>",
    off,
  );
  expect(vm).toMatchObject({ memoryBytes: 0, cpus: 0, firmware: null });
  expect(bytesOf('1', 'furlong')).toBe(0);
  expect(bytesOf('2', 'GB')).toBe(2_000_000_000);
  expect(['vda', 'sdz', 'xvdaa', 'hdc', 'nonsense'].map(positionOf)).toEqual([0, 25, 26, 2, 0]);
});

test('a document type is refused, whatever it holds', () => {
  expect(() => parseXml('<!DOCTYPE domain [<!ENTITY a "b">]><domain>&a;</domain>')).toThrow(/document type/);
});

const net = (text: string) => describeNetwork('u', 'n', parseXml(text), 'h').data;

test('pools, networks, snapshots, host', () => {
  const xml = parseXml("<pool type='rbd'><name>ceph</name><source><host name='m'/><name>vms</name></source></pool>");
  const place = poolPlace('u', 'ceph', xml);
  expect(place).toEqual({ ref: 'u', name: 'ceph', type: 'rbd', path: '', sourceName: 'vms' });
  const info = { active: false, capacityBytes: 0, availableBytes: 0 };
  expect(describePool(place, info, xml, 'h').data).toMatchObject({
    capacityBytes: null,
    freeBytes: null,
    accessible: false,
  });
  expect(net("<network><forward mode='bridge'/><vlan><tag id='42'/></vlan></network>")).toEqual({
    type: 'bridge',
    vlan: '42',
  });
  expect(net('<network><forward/></network>')).toEqual({ type: 'nat', vlan: null });
  expect(net('<network/>')).toEqual({ type: 'isolated', vlan: null });
  const text =
    "<domainsnapshot><name>s2</name><description>before</description><creationTime>1700000000</creationTime><parent><name>s1</name></parent><memory snapshot='internal'/></domainsnapshot>";
  expect(describeSnapshot(parseXml(text), true)).toEqual({
    id: 's2',
    name: 's2',
    description: 'before',
    createdAt: '2023-11-14T22:13:20.000Z',
    parentId: 's1',
    current: true,
    memory: true,
  });
  expect(hostUuid(parseXml('<capabilities><host><uuid>ABC</uuid></host></capabilities>'))).toBe('abc');
  expect(hostUuid(parseXml('<capabilities><host/></capabilities>'))).toBeNull();
  expect(versionText(9_001_002)).toBe('9.1.2');
});

const make = (name: string, parentId: string | null, createdAt: string | null = null): InventorySnapshot => ({
  id: name,
  name,
  description: '',
  createdAt,
  parentId,
  current: false,
  memory: false,
});

const names = (...all: InventorySnapshot[]): string[] => orderSnapshots(all).map(({ name }) => name);

test('snapshots come parents first, whatever order libvirt lists them in, and a loop does no harm', () => {
  const [a, b, c] = [make('z', null, '2020'), make('a', 'z', '2020'), make('m', 'z', '2019')];
  expect(names(a, b, c)).toEqual(['z', 'm', 'a']);
  expect(names(c, b, a)).toEqual(['z', 'm', 'a']);
  expect(names(make('x', 'y'), make('y', 'x'), a)).toEqual(['z', 'x', 'y']);
  expect(names(make('orphan', 'gone'))).toEqual(['orphan']);
});
