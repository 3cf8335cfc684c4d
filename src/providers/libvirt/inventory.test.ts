/** The inventory of a real libvirtd, over TCP, against what virsh says of the same host. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LibvirtHost, startLibvirtHost, whyNoLibvirtHost } from '../../../test/peers/libvirt-host.ts';
import { InventoryObject, type InventoryVm } from '../../model/inventory.ts';
import { connectLibvirt as connectClient } from './client.ts';
import { connectLibvirt } from './connection.ts';
import { type Followed, follow } from './inventory/test-watch.ts';
import type { Connection } from '../provider.ts';

const signal = (): AbortSignal => AbortSignal.timeout(60_000);
const missing = whyNoLibvirtHost();
/** What a change may take at most until it is seen: it takes a tenth of that; a busy machine gets the rest. */
const soon = { timeout: 15_000, interval: 20 };

describe.skipIf(missing !== null)(`inventory of a libvirt host${missing === null ? '' : ` (${missing})`}`, () => {
  let host: LibvirtHost;
  let connection: Connection;
  let followed: Followed;
  let scratch: string;
  const vm = (name: string): InventoryVm | undefined => {
    const object = followed.get('vm', name);
    return object?.kind === 'vm' ? object.data : undefined;
  };
  const define = async (name: string, devices: string, rest = ''): Promise<void> => {
    const file = join(scratch, `${name}.xml`);
    await writeFile(
      file,
      `<domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
       <os><type arch='x86_64' machine='q35'>hvm</type></os>${rest}<devices>${devices}</devices></domain>`,
    );
    await host.virsh('define', file);
  };

  beforeAll(async () => {
    host = await startLibvirtHost();
    scratch = await mkdtemp(join(tmpdir(), 'wherry-inventory-'));
    const net = join(scratch, 'net.xml');
    await writeFile(net, "<network><name>lab</name><forward mode='bridge'/><bridge name='br9'/></network>");
    await host.virsh('net-define', net);
    await host.virsh('net-start', 'lab');
    const images = host.pools['default'] ?? '';
    await host.virsh('vol-create-as', 'default', 'base.qcow2', '64M', '--format', 'qcow2');
    const over = ['--format', 'qcow2', '--backing-vol', 'base.qcow2', '--backing-vol-format', 'qcow2'];
    await host.virsh('vol-create-as', 'default', 'over.qcow2', '96M', ...over);
    await host.virsh('vol-create-as', 'default', 'data.raw', '8M', '--format', 'raw');
    await define(
      'web & <db>'.replaceAll(/[<>&]/g, (c) => `&#${c.charCodeAt(0)};`),
      `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${images}/over.qcow2'/>
         <target dev='vda' bus='virtio'/><serial>S1</serial></disk>
       <disk type='volume' device='disk'><driver name='qemu' type='raw'/><source pool='default' volume='data.raw'/>
         <target dev='sda' bus='scsi'/><shareable/></disk>
       <disk type='file' device='disk'><source file='${images}/lost.raw'/><target dev='vdb' bus='virtio'/></disk>
       <disk type='network' device='disk'><driver name='qemu' type='raw'/>
         <source protocol='rbd' name='vms/x'><host name='mon'/></source><target dev='vdc' bus='virtio'/></disk>
       <disk type='file' device='cdrom'><target dev='sdb' bus='sata'/></disk>
       <interface type='network'><mac address='52:54:00:00:00:01'/><source network='lab'/><model type='virtio'/></interface>
       <interface type='bridge'><mac address='52:54:00:00:00:02'/><source bridge='br7'/><model type='e1000'/></interface>
       <interface type='user'><mac address='52:54:00:00:00:03'/></interface>
       <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
       <watchdog model='i6300esb' action='reset'/>`,
      `<title>T</title><description>D</description>`,
    );
    await define(
      'run',
      `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${images}/base.qcow2'/><target dev='vda' bus='virtio'/></disk>`,
    );
    await host.virsh('autostart', 'run');
    connection = await connectLibvirt({ account: { type: 'libvirt', uri: host.tcpUri }, secrets: {} }, signal());
    followed = follow(connection);
    await followed.synced;
  });
  afterAll(async () => {
    await followed[Symbol.asyncDispose]();
    await connection[Symbol.asyncDispose]();
    await host.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  test('it begins with a snapshot that names the system for good, and every object is as the schema says', async () => {
    const uuid = /<uuid>([^<]+)</.exec(await host.virsh('capabilities'))?.[1] ?? '';
    expect(followed.news[0]).toMatchObject({
      kind: 'snapshot',
      systemId: `${uuid}/qemu`,
      product: 'libvirt (QEMU/KVM)',
    });
    expect(followed.news.at(-1)).toEqual({ kind: 'synced' });
    for (const object of followed.objects.values()) expect(Value.Check(InventoryObject, object)).toBe(true);
    const [itself] = [...followed.objects.values()].filter((object) => object.kind === 'host');
    expect(itself).toMatchObject({ name: (await host.virsh('hostname')).trim(), stableId: uuid, parentRef: null });
    const info = await host.virsh('nodeinfo');
    expect(itself?.data).toMatchObject({
      cpus: Number(/CPU\(s\):\s+(\d+)/.exec(info)?.[1]),
      memoryBytes: Number(/Memory size:\s+(\d+)/.exec(info)?.[1]) * 1024,
    });
  });

  test('names and states come first, then each VM in full', async () => {
    const told = followed.news.flatMap((news) => (news.kind === 'put' ? news.objects : []));
    const of = (name: string) => told.flatMap((one) => (one.kind === 'vm' && one.name === name ? [one.data] : []));
    for (const name of ['web & <db>', 'run']) {
      expect(of(name).map(({ detail, power }) => [detail, power])).toEqual([
        ['summary', 'off'],
        ['full', 'off'],
      ]);
      expect(of(name)[0]?.host).toBe((await host.virsh('hostname')).trim());
    }
    const details = told.flatMap((one) => (one.kind === 'vm' ? [one.data.detail] : []));
    expect(details.lastIndexOf('summary')).toBeLessThan(details.indexOf('full'));
  });

  test('pools and networks are what virsh says; a bridge that a VM uses is a network, too', async () => {
    const info = await host.virsh('pool-info', '--bytes', 'default');
    expect(followed.get('storage', 'default')).toMatchObject({
      stableId: (await host.virsh('pool-uuid', 'default')).trim(),
      data: { type: 'dir', accessible: true, capacityBytes: Number(/Capacity:\s+(\d+)/.exec(info)?.[1]) },
    });
    expect(followed.get('network', 'lab')).toMatchObject({
      ref: (await host.virsh('net-uuid', 'lab')).trim(),
      data: { type: 'bridge' },
    });
    expect(followed.get('network', 'br7')).toMatchObject({ ref: 'bridge:br7', stableId: null });
  });

  test('the VMs are those of virsh, with their names, UUIDs and states', async () => {
    const names = (await host.virsh('list', '--all', '--name')).split('\n').filter((line) => line !== '');
    const found = [...followed.objects.values()].filter((object) => object.kind === 'vm');
    expect(found.map(({ name }) => name).sort()).toEqual(names.sort());
    for (const object of found) {
      const id = (await host.virsh('domuuid', object.name)).trim();
      expect(object).toMatchObject({
        ref: id,
        stableId: id,
        data: { uuid: id, power: 'off', memoryBytes: 32 * 1024 ** 2 },
      });
    }
    expect(vm('run')?.facts).toMatchObject({ 'libvirt.autostart': true, 'libvirt.persistent': true });
    expect(vm('web & <db>')?.facts).toMatchObject({ 'libvirt.autostart': false, 'libvirt.guestAgent': 'configured' });
    expect(vm('web & <db>')?.description).toBe('T\nD');
  });

  test('sizes are those of virsh, images under images are counted, and what is not there is said to be missing', async () => {
    const web = vm('web & <db>');
    // virsh does not look at a volume behind a VM: it is asked about the volume itself.
    const looks = {
      vda: ['domblkinfo', 'web & <db>', 'vda'],
      sda: ['vol-info', '--bytes', '--pool', 'default', 'data.raw'],
    };
    for (const [id, command] of Object.entries(looks)) {
      const info = await host.virsh(...command);
      expect(web?.disks.find((disk) => disk.id === id)).toMatchObject({
        sizeBytes: Number(/Capacity:\s+(\d+)/.exec(info)?.[1]),
        usedBytes: Number(/Allocation:\s+(\d+)/.exec(info)?.[1]),
        storage: 'default',
      });
    }
    expect(
      web?.disks.map(({ id, bus, format, backingDepth, shared }) => [id, bus, format, backingDepth, shared]),
    ).toEqual([
      ['vda', 'virtio', 'qcow2', 1, false],
      ['vdb', 'virtio', 'raw', 0, false],
      ['vdc', 'virtio', 'raw', 0, false],
      ['sda', 'scsi', 'raw', 0, true],
    ]);
    expect(web?.facts['libvirt.disk.vdb.missing']).toBe(true);
    expect(web?.facts['libvirt.disk.vda.missing']).toBe(false);
    expect(web?.facts).not.toHaveProperty(['libvirt.disk.vdc.missing']);
    expect(web?.disks.find((disk) => disk.id === 'vdc')).toMatchObject({ path: 'rbd:vms/x', sizeBytes: null });
    const listed = await host.virsh('domiflist', 'web & <db>');
    for (const nic of web?.nics ?? []) expect(listed).toContain(nic.mac);
    expect(web?.nics.map(({ network, model }) => [network, model])).toEqual([
      ['lab', 'virtio'],
      ['br7', 'e1000'],
      ['user', expect.anything()],
    ]);
  });

  test('what is defined, started, paused, changed and undefined is seen by events, each once', async () => {
    await define('new', '');
    await expect.poll(() => vm('new')?.power, soon).toBe('off');
    await host.virsh('start', '--paused', 'run');
    await expect.poll(() => vm('run')?.power, soon).toBe('paused');
    await host.virsh('resume', 'run');
    await expect.poll(() => vm('run')?.power, soon).toBe('on');
    await host.virsh('attach-disk', 'run', `${host.pools['default']}/data.raw`, 'vdb');
    await expect.poll(() => vm('run')?.disks.map(({ id }) => id), soon).toEqual(['vda', 'vdb']);
    await host.virsh('desc', 'new', '--title', 'renamed', '--config');
    await expect.poll(() => vm('new')?.description, soon).toBe('renamed');
    await host.virsh('destroy', 'run');
    await expect.poll(() => vm('run')?.power, soon).toBe('off');
    await host.virsh('undefine', 'new');
    await expect.poll(() => vm('new'), soon).toBeUndefined();
  });

  test('a bridge goes with the last VM on it; pools and networks come and go', async () => {
    await define('bridged', "<interface type='bridge'><source bridge='br8'/></interface>");
    await expect.poll(() => followed.get('network', 'br8')?.ref, soon).toBe('bridge:br8');
    await host.virsh('undefine', 'bridged');
    await expect.poll(() => followed.get('network', 'br8'), soon).toBeUndefined();
    await host.virsh('pool-define-as', 'second', 'dir', '--target', scratch);
    await expect
      .poll(() => followed.get('storage', 'second')?.data, soon)
      .toMatchObject({ accessible: false, capacityBytes: null });
    await host.virsh('pool-start', 'second');
    await expect.poll(() => followed.get('storage', 'second')?.data, soon).toMatchObject({ accessible: true });
    await host.virsh('pool-destroy', 'second');
    await host.virsh('pool-undefine', 'second');
    await expect.poll(() => followed.get('storage', 'second'), soon).toBeUndefined();
    await host.virsh('net-destroy', 'lab');
    await host.virsh('net-undefine', 'lab');
    await expect.poll(() => followed.get('network', 'lab'), soon).toBeUndefined();
  });

  test('one VM is read as it is now, with snapshots, which have no events; one that is gone is null', async () => {
    await host.virsh('snapshot-create-as', 'run', 'first', 'before the change');
    await host.virsh('snapshot-create-as', 'run', 'second');
    const ref = (await host.virsh('domuuid', 'run')).trim();
    const object = await connection.readVm(ref, signal());
    expect(object).toMatchObject({ kind: 'vm', name: 'run' });
    expect(object?.kind === 'vm' ? object.data.snapshots : []).toMatchObject([
      { name: 'first', description: 'before the change', parentId: null, current: false, memory: false },
      { name: 'second', parentId: 'first', current: true },
    ]);
    expect(await connection.readVm(crypto.randomUUID(), signal())).toBeNull();
    expect(await connection.readVm('../etc', signal())).toBeNull();
  });

  test('while nothing happens nothing is said', async () => {
    const before = followed.news.length;
    await host.virsh('pool-refresh', 'default');
    await host.virsh('dominfo', 'run');
    const again = await connectLibvirt({ account: { type: 'libvirt', uri: host.tcpUri }, secrets: {} }, signal(), {
      watch: { gatherMs: 10, sweepMs: 100 },
    });
    // Another follower sweeps all the time: it says nothing either after it is synced.
    await using second = follow(again);
    await second.synced;
    const said = second.news.length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(
      second.news
        .slice(said)
        .flatMap((each) => (each.kind === 'put' ? each.objects.map((object) => object.name) : [each.kind])),
    ).toEqual([]);
    // Refreshing may tell of a pool that has become smaller.
    expect(
      followed.news
        .slice(before)
        .every((each) => each.kind === 'put' && each.objects.every((object) => object.kind !== 'vm')),
    ).toBe(true);
    await again[Symbol.asyncDispose]();
  });

  test('the test driver is an inventory as well, with addresses', async () => {
    const uri = `test:///default?socket=${host.socketPath}`;
    await using other = await connectLibvirt({ account: { type: 'libvirt', uri }, secrets: {} }, signal());
    await using seen = follow(other);
    await seen.synced;
    expect(seen.news[0]).toMatchObject({ systemId: expect.stringMatching(/\/test$/) as string });
    const object = seen.get('vm', 'test');
    expect(object).toMatchObject({ stableId: '6695eb01-f6a4-8304-79aa-97f2502e193f', data: { power: 'on', cpus: 2 } });
    expect([...seen.objects.values()].map(({ kind }) => kind).sort()).toEqual(['host', 'network', 'storage', 'vm']);
    // It leases addresses to whatever starts on its network.
    const client = await connectClient(uri, signal());
    const nic = "<interface type='network'><mac address='52:54:00:00:00:09'/><source network='default'/></interface>";
    const xml = `<domain type='test'><name>leased</name><memory>1024</memory><os><type>hvm</type></os><devices>${nic}</devices></domain>`;
    await client.domains.create(await client.domains.define(xml, signal()), signal());
    const leased = (): InventoryVm | undefined => {
      const found = seen.get('vm', 'leased');
      return found?.kind === 'vm' ? found.data : undefined;
    };
    await expect.poll(() => leased()?.ips, soon).toEqual([expect.stringMatching(/^192\.168\.122\.\d+$/)]);
    expect(leased()?.nics[0]).toMatchObject({ network: 'default', ips: leased()?.ips });
    client.disconnect();
  });
});
