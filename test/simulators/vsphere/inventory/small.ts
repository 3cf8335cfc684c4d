/** An inventory to begin with: one datacenter, a cluster of hosts, datastores, networks, and as many VMs as asked for. */
import { newCluster, newDatacenter, newFolder, newHost, folderOf, poolOf } from './places.ts';
import { mount, newDatastore, newNetwork, newPortgroup, newSwitch } from './storage.ts';
import { newVm } from './vm.ts';
import type { Ref } from '../values.ts';
import type { World } from '../world.ts';

export type Small = {
  readonly datacenter: Ref;
  readonly cluster: Ref | null;
  readonly hosts: readonly Ref[];
  readonly pool: Ref;
  readonly vmFolder: Ref;
  readonly datastore: Ref;
  readonly nfs: Ref;
  readonly network: Ref;
  readonly portgroup: Ref | null;
  readonly vms: readonly Ref[];
};

/** VMs are named `vm-00001` and so on, in folders of 500; every second one is on. */
export function smallInventory(world: World, vmCount: number, hostCount = 2): Small {
  const { vcenter } = world.product;
  const datacenter = newDatacenter(world, vcenter ? 'DC0' : 'ha-datacenter');
  const cluster = vcenter ? newCluster(world, 'Cluster0', datacenter, { ha: true, drs: 'fullyAutomated' }) : null;
  const hosts = Array.from({ length: vcenter ? hostCount : 1 }, (_, index) =>
    newHost(world, vcenter ? `esx${index + 1}.example.com` : 'localhost.localdomain', cluster ?? datacenter),
  );
  const first = hosts[0];
  if (first === undefined) throw new Error('an inventory needs a host');
  const datastore = newDatastore(world, 'datastore1', datacenter);
  const nfs = newDatastore(world, 'nfs1', datacenter, { type: 'NFS' });
  for (const host of hosts) for (const each of [datastore, nfs]) mount(world, each, host);
  const network = newNetwork(world, 'VM Network', datacenter);
  const dvs = vcenter ? newSwitch(world, 'DSwitch0', datacenter) : null;
  const portgroup = dvs === null ? null : newPortgroup(world, 'Servers', dvs, datacenter, 42);
  for (const host of hosts) {
    world.store.addTo(host, 'network', network);
    if (portgroup !== null) world.store.addTo(host, 'network', portgroup);
  }
  const pool = poolOf(world, cluster ?? parentOf(world, first));
  const vmFolder = folderOf(world, datacenter, 'vm');
  const vms: Ref[] = [];
  let folder = vmFolder;
  for (let number = 1; number <= vmCount; number += 1) {
    if (vcenter && vmCount > 500 && number % 500 === 1) folder = newFolder(world, `Folder ${number}`, vmFolder);
    const name = `vm-${String(number).padStart(5, '0')}`;
    const on = number % 2 === 0;
    vms.push(
      newVm(world, {
        name,
        folder,
        pool,
        host: hosts[number % hosts.length] ?? first,
        datastore,
        nics: [{ network: portgroup !== null && number % 3 === 0 ? portgroup : network }],
        power: on ? 'poweredOn' : 'poweredOff',
        hostName: name,
        ips: [[`10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`]],
      }),
    );
  }
  return { datacenter, cluster, hosts, pool, vmFolder, datastore, nfs, network, portgroup, vms };
}

function parentOf({ store }: World, ref: Ref): Ref {
  const parent = store.read(ref, 'parent');
  if (typeof parent !== 'object' || !('value' in parent)) throw new Error(`${ref.value} has no parent`);
  return parent as Ref;
}
