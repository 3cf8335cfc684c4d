/** Our client against what only the simulator has: hosts, odd hardware, hidden properties, sessions that are cut short. */
import { beforeAll, describe, expect, it } from 'vitest';
import { checkVsphere, connectVsphere } from '../../../src/providers/vsphere/connection.ts';
import type { InventoryObject } from '../../../src/model/inventory.ts';
import { makeCertificate, type Certificate } from './http/certificate.ts';
import { otherDevices } from './inventory/devices.ts';
import { smallInventory } from './inventory/small.ts';
import { watch, type Mirror } from '../../contract/mirror.ts';
import { newVm } from './inventory/vm.ts';
import { accountOf } from './peer.ts';
import { startVsphere, type VsphereSimulator } from './simulator.ts';
import { data as valueOf } from './values.ts';

let certificate: Certificate;
beforeAll(async () => {
  certificate = await makeCertificate();
});
const soon = (): AbortSignal => AbortSignal.timeout(60_000);

async function read(simulator: VsphereSimulator): Promise<InventoryObject[]> {
  const options = { account: accountOf(simulator), secrets: { password: simulator.password } };
  await using connection = await connectVsphere(options, soon());
  const objects = new Map<string, InventoryObject>();
  for await (const news of connection.watchInventory(soon())) {
    if (news.kind === 'put') for (const object of news.objects) objects.set(`${object.kind} ${object.ref}`, object);
    if (news.kind === 'synced') break;
  }
  return [...objects.values()];
}

function tieOf(mirror: Mirror, vm: string): unknown {
  return mirror.of('vm').find(({ ref }) => ref === vm)?.data.facts['vmware.hostAffinity'];
}

describe('our client reads', () => {
  it('a host on its own', async () => {
    await using simulator = await startVsphere({ kind: 'esxi', version: '7.0', certificate });
    smallInventory(simulator.world, 3);
    const objects = await read(simulator);
    expect(objects.filter(({ kind }) => kind === 'vm').map(({ name }) => name)).toHaveLength(3);
    expect(objects.filter(({ kind }) => kind === 'host').map(({ ref }) => ref)).toEqual(['ha-host']);
    expect(simulator.world.sessions.all()).toEqual([]);
  });

  it('hardware of every kind', async () => {
    await using simulator = await startVsphere({ certificate });
    const { vmFolder: folder, pool, hosts, network } = smallInventory(simulator.world, 0);
    const [host] = hosts;
    if (host === undefined) throw new Error('no host');
    const devices = Object.values(otherDevices);
    const disks = [
      { bus: 'nvme' as const, keyId: 'key-1' },
      { bus: 'sata' as const, mode: 'independent_persistent' },
      { rdm: 'physicalMode' as const },
      { shared: true, unit: 5, parents: ['[datastore1] base/base.vmdk'] },
    ];
    const ref = newVm(simulator.world, {
      name: 'odd % / name',
      folder,
      pool,
      host,
      devices,
      disks,
      nics: [{ network }],
    });
    const found = (await read(simulator)).find((object) => object.ref === ref.value);
    if (found?.kind !== 'vm') throw new Error('the VM was not read');
    const { data } = found;
    expect(
      data.disks.map(({ bus, encrypted, mode, rdm, shared, backingDepth }) => [
        bus,
        encrypted,
        mode,
        rdm,
        shared,
        backingDepth,
      ]),
    ).toEqual([
      ['nvme', true, 'persistent', null, false, 0],
      ['sata', false, 'independent_persistent', null, false, 0],
      ['scsi', false, 'persistent', 'physical', false, 0],
      ['scsi', false, 'persistent', null, true, 1],
    ]);
    const kinds = data.devices.map(({ kind }) => kind);
    expect(kinds).toEqual(
      expect.arrayContaining(['tpm', 'passthrough', 'usb', 'usb-controller', 'cdrom', 'floppy', 'serial']),
    );
  });

  it('rules of a cluster, also those that are made later: their VMs are read again', async () => {
    await using simulator = await startVsphere({ certificate });
    const { cluster, vms } = smallInventory(simulator.world, 3);
    const [tied, free] = vms;
    if (cluster === null || tied === undefined || free === undefined) throw new Error('no cluster with VMs');
    const options = { account: accountOf(simulator), secrets: { password: simulator.password } };
    await using connection = await connectVsphere(options, soon());
    await using mirror = watch(connection);
    await mirror.until('the first read', () => mirror.synced() === 1);
    const ties = (): unknown[] => [tied, free].map(({ value }) => tieOf(mirror, value));
    expect(ties()).toEqual([false, false]);
    const tie = async (enabled: boolean, isTied: boolean): Promise<void> => {
      simulator.world.store.set(cluster, 'configurationEx.group', [
        valueOf('ClusterVmGroup', { name: 'near', vm: [tied] }),
      ]);
      const rule = valueOf('ClusterVmHostRuleInfo', { enabled, vmGroupName: 'near', affineHostGroupName: 'these' });
      simulator.world.store.set(cluster, 'configurationEx.rule', [rule]);
      await mirror.until(`tied: ${isTied}`, () => tieOf(mirror, tied.value) === isTied);
    };
    await tie(true, true);
    expect(ties()).toEqual([true, false]);
    await tie(false, false);
  });

  it('a free ESXi is said to be one', async () => {
    await using simulator = await startVsphere({ kind: 'esxi', freeLicence: true, certificate });
    smallInventory(simulator.world, 1);
    const options = { account: accountOf(simulator), secrets: { password: simulator.password } };
    const checked = await checkVsphere(options, soon());
    expect(checked.ok).toBe(false);
    expect(checked.rows.find(({ what }) => what === 'version and licence')).toMatchObject({ ok: false });
  });

  it('a wrong password is tried once', async () => {
    await using simulator = await startVsphere({ certificate });
    const options = { account: accountOf(simulator), secrets: { password: 'wrong' } };
    await expect(connectVsphere(options, soon())).rejects.toMatchObject({ code: 'provider.sign_in_refused' });
    expect(simulator.world.accounts.find(simulator.username)?.attempts).toBe(1);
  });
});
