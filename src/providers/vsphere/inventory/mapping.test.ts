import { describe, expect, test } from 'vitest';
import type { InventoryObject } from '../../../model/inventory.ts';
import { Places } from './places.ts';
import { as, ManagedProps } from './props.ts';
import { vmObject } from './vm-object.ts';

const ref = (type: string, value: string) => ({ type, value });
const rootFolder = ref('Folder', 'group-d1');

function managed(type: string, value: string, properties: Readonly<Record<string, unknown>>): ManagedProps {
  return new ManagedProps(ref(type, value), new Map(Object.entries(properties)));
}

function places(...more: readonly ManagedProps[]): Places {
  const all = new Places(rootFolder);
  for (const place of [
    managed('Datacenter', 'dc', { name: 'DC %2f 1', parent: rootFolder }),
    managed('Folder', 'vms', { name: 'vm', parent: ref('Datacenter', 'dc') }),
    managed('Folder', 'hosts', { name: 'host', parent: ref('Datacenter', 'dc') }),
    managed('ClusterComputeResource', 'cluster', {
      name: 'C1',
      parent: ref('Folder', 'hosts'),
      'configurationEx.drsConfig': { _type: 'ClusterDrsConfigInfo', enabled: true },
      'configurationEx.rule': [
        { _type: 'ClusterVmHostRuleInfo', enabled: true, vmGroupName: 'tied' },
        { _type: 'ClusterVmHostRuleInfo', enabled: false, vmGroupName: 'free' },
      ],
      'configurationEx.group': [
        { _type: 'ClusterVmGroup', name: 'tied', vm: [ref('VirtualMachine', 'vm-1')] },
        { _type: 'ClusterVmGroup', name: 'free', vm: [ref('VirtualMachine', 'vm-2')] },
      ],
    }),
    managed('HostSystem', 'host-1', {
      name: 'esx1',
      parent: ref('ClusterComputeResource', 'cluster'),
      'config.network.portgroup': [{ _type: 'HostPortGroup', spec: { name: 'VM Network', vlanId: 7 } }],
    }),
    managed('ComputeResource', 'alone', { name: 'esx2', parent: ref('Folder', 'hosts') }),
    managed('HostSystem', 'host-2', { name: 'esx2', parent: ref('ComputeResource', 'alone') }),
    managed('Network', 'net-1', { name: 'VM Network', parent: ref('Folder', 'nets') }),
    managed('DistributedVirtualPortgroup', 'pg-1', {
      name: 'prod%2fdmz',
      key: 'pg-key',
      'config.defaultPortConfig': {
        _type: 'VMwareDVSPortSetting',
        vlan: {
          _type: 'VmwareDistributedVirtualSwitchTrunkVlanSpec',
          vlanId: [
            { start: 1, end: 5 },
            { start: 9, end: 9 },
          ],
        },
      },
    }),
    managed('Datastore', 'ds-1', {
      name: 'san1',
      summary: { url: 'ds:///vmfs/volumes/1/', type: 'VMFS', accessible: true },
    }),
    ...more,
  ]) {
    all.put(place);
  }
  return all;
}

function vmOf(properties: Readonly<Record<string, unknown>>, known = places(), id = 'vm-1') {
  const props = managed('VirtualMachine', id, {
    name: 'a',
    'runtime.host': ref('HostSystem', 'host-1'),
    ...properties,
  });
  const vm = as<'VirtualMachine'>(props, 'VirtualMachine');
  const object = vm === null ? null : vmObject(vm, known, []);
  if (object?.kind !== 'vm') throw new Error('no VM');
  return object;
}

const hardware = (...device: readonly object[]) => ({
  'config.hardware': { _type: 'VirtualHardware', numCPU: 4, numCoresPerSocket: 2, memoryMB: 2048, device },
});
const scsi = {
  _type: 'ParaVirtualSCSIController',
  key: 1000,
  busNumber: 1,
  sharedBus: 'noSharing',
  deviceInfo: { label: 'SCSI 1' },
};
const disk = (backing: object, more: object = {}) => ({
  _type: 'VirtualDisk',
  key: 2000,
  controllerKey: 1000,
  unitNumber: 3,
  capacityInKB: 1024,
  deviceInfo: { label: 'Hard disk 1' },
  backing: {
    _type: 'VirtualDiskFlatVer2BackingInfo',
    fileName: '[san1] a/a.vmdk',
    datastore: ref('Datastore', 'ds-1'),
    diskMode: 'persistent',
    ...backing,
  },
  ...more,
});

const objects = (known: Places): InventoryObject[] => [...known.values()].flatMap((place) => known.object(place) ?? []);

const card = (key: number, backing: object) => ({
  _type: 'VirtualVmxnet3',
  key,
  macAddress: '00:50:56:AA:00:01',
  backing,
});

const find = (id: string): InventoryObject | undefined => objects(places()).find((object) => object.ref === id);

describe('places', () => {
  test('the root folder and what stands around a single host are not in the tree', () => {
    expect(find('dc')).toMatchObject({ kind: 'datacenter', name: 'DC / 1', parentRef: null });
    expect(find('host-1')).toMatchObject({ kind: 'host', parentRef: 'cluster' });
    expect(find('host-2')).toMatchObject({ kind: 'host', parentRef: 'hosts' });
    expect(find('alone')).toBeUndefined();
  });

  test('VLANs come from port groups, of hosts and of distributed switches', () => {
    expect(find('net-1')).toMatchObject({ kind: 'network', data: { type: 'standard', vlan: '7' } });
    expect(find('pg-1')).toMatchObject({
      name: 'prod/dmz',
      stableId: 'pg-key',
      data: { type: 'distributed', vlan: '1-5, 9' },
    });
    expect(find('cluster')).toMatchObject({ data: { facts: { 'cluster.drs': true } } });
  });

  test('a loop of parents ends', () => {
    const known = places(
      managed('Folder', 'x', { name: 'x', parent: ref('Folder', 'y') }),
      managed('Folder', 'y', { name: 'y', parent: ref('Folder', 'x') }),
    );
    expect(known.path('x').length).toBeLessThan(1_000);
  });

  test('what is moved or renamed is told apart from what is new or otherwise changed', () => {
    const known = places();
    const again = (name: string) => known.put(managed('Folder', 'vms', { name, parent: ref('Datacenter', 'dc') }));
    expect([again('vm'), again('vm2'), again('vm2')]).toEqual(['same', 'moved', 'same']);
    expect(known.put(managed('Folder', 'new', { name: 'n' }))).toBe('new');
  });

  test('what comes after it was named changes what was told before it came, once', () => {
    const known = places();
    const host = managed('HostSystem', 'host-9', { name: 'esx9', parent: ref('ClusterComputeResource', 'c9') });
    const cluster = managed('ClusterComputeResource', 'c9', { name: 'C9', parent: ref('Folder', 'hosts') });
    const group = managed('DistributedVirtualPortgroup', 'pg-9', { name: 'late', key: 'key-9' });
    const folder = managed('Folder', 'f9', { name: 'f9', parent: ref('Datacenter', 'dc') });
    const all = [host, cluster, group, folder];
    expect(places(...all).put(host)).toBe('same');
    expect([known.name('host-9'), known.networkByKey('key-9'), known.path('f9')]).toEqual([null, null, '']);
    expect(known.put(host)).toBe('moved');
    expect(known.clusterOf('host-9')).toBe(null); // and so is its cluster named
    expect([cluster, group, folder].map((place) => known.put(place))).toEqual(['moved', 'moved', 'moved']);
    expect(all.map((place) => known.put(place))).toEqual(['same', 'same', 'same', 'same']);
    expect(known.clusterOf('host-9')?.get('name')).toBe('C9');
    const fresh = places();
    expect(all.map((place) => fresh.put(place))).toEqual(['new', 'new', 'new', 'new']); // the control: nobody had named them
  });
});

describe('a VM', () => {
  test('is where it is, in names', () => {
    const { data, parentRef } = vmOf({ parent: ref('Folder', 'vms'), ...hardware() });
    expect(parentRef).toBe('vms');
    expect(data).toMatchObject({ folder: 'DC / 1/vm', host: 'esx1', cluster: 'C1', cpus: 4, memoryBytes: 2 ** 31 });
  });

  test('without a configuration is a summary, and says nothing that it does not know', () => {
    const { data } = vmOf({ 'runtime.powerState': 'poweredOff', 'runtime.connectionState': 'inaccessible' });
    expect(data).toMatchObject({ detail: 'summary', power: 'off', connection: 'inaccessible', changeTracking: null });
    expect(data.facts).toEqual({ 'vmware.hostAffinity': true });
  });

  test('its disk has place, size, chain and use', () => {
    const layout = {
      file: [
        { key: 1, name: 'a', type: 'diskDescriptor', size: 10 },
        { key: 2, name: 'b', type: 'diskExtent', size: 100 },
        { key: 3, name: 'c', type: 'config', size: 1000 },
      ],
      disk: [{ key: 2000, chain: [{ fileKey: [1, 2] }] }],
    };
    const parent = { _type: 'VirtualDiskFlatVer2BackingInfo', parent: { _type: 'VirtualDiskFlatVer2BackingInfo' } };
    const { data } = vmOf({ ...hardware(scsi, disk({ uuid: '6000c29', parent })), layoutEx: layout });
    expect(data.disks).toEqual([
      {
        id: '2000',
        name: 'Hard disk 1',
        sizeBytes: 2 ** 20,
        usedBytes: 110,
        bus: 'scsi',
        controller: 1,
        unit: 3,
        storageRef: 'ds-1',
        storage: 'san1',
        path: '[san1] a/a.vmdk',
        format: 'vmdk',
        mode: 'persistent',
        shared: false,
        rdm: null,
        encrypted: false,
        changeTracking: null,
        backingDepth: 2,
        serial: '6000c29',
      },
    ]);
  });

  test.each([
    [true, { 'scsi1:3.ctkEnabled': 'TRUE' }, true],
    [true, { 'SCSI1:3.CTKENABLED': true }, true],
    [true, { 'scsi0:3.ctkEnabled': 'true' }, false],
    [true, {}, false],
    [false, { 'scsi1:3.ctkEnabled': 'true' }, false],
    [undefined, {}, null],
  ])('change tracking %s of the VM with %j is %s of the disk', (enabled, options, expected) => {
    const extraConfig = Object.entries(options).map(([key, value]) => ({ _type: 'OptionValue', key, value }));
    const { data } = vmOf({
      ...hardware(scsi, disk({})),
      'config.changeTrackingEnabled': enabled,
      'config.extraConfig': extraConfig,
    });
    expect(data.disks[0]?.changeTracking).toBe(expected);
  });

  test('what hinders a disk shows: sharing, RDM, encryption', () => {
    const [multi, bus, rdm, key] = [
      vmOf(hardware(scsi, disk({ sharing: 'sharingMultiWriter' }))),
      vmOf(hardware({ ...scsi, sharedBus: 'physicalSharing' }, disk({}))),
      vmOf(
        hardware(scsi, disk({ _type: 'VirtualDiskRawDiskMappingVer1BackingInfo', compatibilityMode: 'physicalMode' })),
      ),
      vmOf(hardware(scsi, disk({ keyId: { keyId: 'k' } }))),
    ].map(({ data }) => data);
    expect([multi?.disks[0]?.shared, bus?.disks[0]?.shared]).toEqual([true, true]);
    expect(bus?.facts['vmware.busSharing']).toBe('SCSI 1');
    expect([rdm?.disks[0]?.rdm, key?.disks[0]?.encrypted]).toEqual(['physical', true]);
    expect(rdm?.disks[0]?.path).toBe('[san1] a/a.vmdk');
  });

  test('its NICs have the networks and the addresses that the guest tells', () => {
    const { data } = vmOf({
      ...hardware(
        card(4000, {
          _type: 'VirtualEthernetCardNetworkBackingInfo',
          deviceName: 'old',
          network: ref('Network', 'net-1'),
        }),
        card(4001, { _type: 'VirtualEthernetCardDistributedVirtualPortBackingInfo', port: { portgroupKey: 'pg-key' } }),
        card(4002, { _type: 'VirtualEthernetCardBackingOfTheFuture' }),
      ),
      'guest.net': [{ deviceConfigId: 4001, ipAddress: ['10.0.0.1', 'fe80::1'], connected: true }],
      'guest.ipAddress': '10.0.0.1',
    });
    expect(data.nics.map(({ network, networkRef, model, mac, ips }) => [network, networkRef, model, mac, ips])).toEqual(
      [
        ['VM Network', 'net-1', 'vmxnet3', '00:50:56:aa:00:01', []],
        ['prod/dmz', 'pg-1', 'vmxnet3', '00:50:56:aa:00:01', ['10.0.0.1', 'fe80::1']],
        [null, null, 'vmxnet3', '00:50:56:aa:00:01', []],
      ],
    );
    expect(data.ips).toEqual(['10.0.0.1', 'fe80::1']);
  });

  test('devices that matter are listed, those that every VM has are not', () => {
    const { data } = vmOf(
      hardware(
        { _type: 'VirtualKeyboard', key: 600 },
        { _type: 'VirtualTPM', key: 11000, deviceInfo: { label: 'Virtual TPM' } },
        {
          _type: 'VirtualPCIPassthrough',
          key: 13000,
          backing: { _type: 'VirtualPCIPassthroughVmiopBackingInfo', vgpu: 'grid' },
        },
        {
          _type: 'VirtualPCIPassthrough',
          key: 13001,
          backing: { _type: 'VirtualPCIPassthroughDeviceBackingInfo', deviceName: 'nic' },
        },
        {
          _type: 'VirtualCdrom',
          key: 3000,
          backing: { _type: 'VirtualCdromIsoBackingInfo', fileName: '[san1] x.iso' },
        },
        { _type: 'VirtualSriovEthernetCard', key: 4000 },
        { _type: 'VirtualThingOfTheFuture', key: 1 },
      ),
    );
    expect(data.devices.map(({ kind, detail }) => [kind, detail])).toEqual([
      ['tpm', ''],
      ['gpu', 'grid'],
      ['passthrough', 'nic'],
      ['cdrom', '[san1] x.iso'],
      ['sriov', ''],
      ['other', ''],
    ]);
  });

  test('its snapshots are a list, parents first', () => {
    const tree = (id: string, ...childSnapshotList: readonly object[]) => ({
      snapshot: ref('VirtualMachineSnapshot', id),
      name: `%25${id}`,
      description: '',
      createTime: '2026-01-01T00:00:00Z',
      state: 'poweredOff',
      childSnapshotList,
    });
    const snapshot = {
      currentSnapshot: ref('VirtualMachineSnapshot', 's2'),
      rootSnapshotList: [tree('s1', tree('s2'), tree('s3'))],
    };
    const { data } = vmOf({ ...hardware(), snapshot });
    expect(data.snapshots.map(({ id, name, parentId, current }) => [id, name, parentId, current])).toEqual([
      ['s1', '%s1', null, false],
      ['s2', '%s2', 's1', true],
      ['s3', '%s3', 's1', false],
    ]);
  });

  test('facts: only enabled rules tie to hosts, and the guest’s disks go by their paths', () => {
    const known = places();
    const guestDisk = { diskPath: 'C:\\', capacity: 100, freeSpace: 5, mappings: [{ key: 2000 }] };
    const one = vmOf({ ...hardware(), 'guest.disk': [guestDisk], 'runtime.faultToleranceState': 'running' }, known);
    expect(one.data.facts).toMatchObject({
      'vmware.hostAffinity': true,
      'vmware.faultTolerance': true,
      'guest.disk.C:\\.freeBytes': 5,
      'guest.disk.C:\\.disk': '2000',
    });
    expect(vmOf(hardware(), known, 'vm-2').data.facts['vmware.hostAffinity']).toBe(false);
  });
});
