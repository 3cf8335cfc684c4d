/** 50,000 VMs of five providers in a real PostgreSQL, as a data centre has them: names, places and sizes are spread. */
import type { VmObject } from '../src/concerns/context.ts';
import type { Db } from '../src/db/db.ts';
import { addProvider, addVms, emptyDisk, emptyNic, vmObject } from '../src/inventory/search/testing.ts';
import { concernsOf } from '../src/concerns/concerns-of.ts';
import { newId } from '../src/model/ids.ts';

const roles = ['web', 'app', 'db', 'cache', 'mail', 'build', 'vdi', 'test', 'proxy', 'log'] as const;
const systems = [
  ['rhel9_64Guest', 'Red Hat Enterprise Linux 9 (64-bit)'],
  ['ubuntu64Guest', 'Ubuntu Linux (64-bit)'],
  ['windows2019srv_64Guest', 'Microsoft Windows Server 2019 (64-bit)'],
  ['windows9_64Guest', 'Microsoft Windows 10 (64-bit)'],
] as const;
const gib = 2 ** 30;

/** The same number gives the same VM. */
export function someVm(at: number): VmObject {
  const pick = <T>(from: readonly T[], salt: number): T => from[chance(at, salt) % from.length] as T;
  const name = `${pick(roles, 1)}-${String(at).padStart(5, '0')}`;
  const isOn = chance(at, 2) % 10 < 7;
  const [id, system] = pick(systems, 3);
  const cluster = chance(at, 4) % 40;
  const host = `esx-${cluster}-${chance(at, 5) % 16}.example.com`;
  const disks = Array.from({ length: 1 + (chance(at, 6) % 4) }, (_, number) => {
    const storage = `vmfs-${cluster}-${chance(at, 7 + number) % 8}`;
    return {
      ...emptyDisk,
      id: String(2000 + number),
      name: `Hard disk ${number + 1}`,
      sizeBytes: pick([16, 40, 100, 250, 500, 1_500, 4_000], 20 + number) * gib,
      usedBytes: pick([8, 20, 40, 90], 30 + number) * gib,
      storage,
      storageRef: `datastore-${storage}`,
      path: `[${storage}] ${name}/${name}_${number}.vmdk`,
      mode: chance(at, 40 + number) % 50 === 0 ? 'independent_persistent' : 'persistent',
      changeTracking: chance(at, 50) % 3 !== 0,
    };
  });
  const ip = `10.${chance(at, 60) % 256}.${chance(at, 61) % 256}.${chance(at, 62) % 256}`;
  const network = chance(at, 63) % 5 === 0 ? 'VM Network' : `vlan-${chance(at, 64) % 200}`;
  return vmObject(name, {
    detail: 'full',
    power: isOn ? 'on' : 'off',
    connection: 'connected',
    hostRef: host,
    host,
    clusterRef: `domain-c${cluster}`,
    cluster: `cluster-${cluster}`,
    folder: `DC${cluster % 4}/vm/team-${chance(at, 65) % 120}`,
    cpus: pick([1, 2, 4, 8, 16], 66),
    coresPerSocket: 1,
    memoryBytes: pick([2, 4, 8, 16, 32, 64, 128], 67) * gib,
    origin: 'vmware',
    firmware: chance(at, 68) % 3 === 0 ? 'efi' : 'bios',
    os: { id, name: system },
    uuid: newId(),
    hardwareVersion: pick(['vmx-10', 'vmx-13', 'vmx-19', 'vmx-21'], 69),
    description:
      'Ordered by the team of its folder; see the service catalogue for its owner and its maintenance window.',
    tools: isOn ? 'running' : 'not-running',
    hostname: isOn ? `${name}.example.com` : null,
    ips: isOn ? [ip] : [],
    changeTracking: chance(at, 50) % 3 !== 0,
    disks,
    nics: [{ ...emptyNic, mac: `00:50:56:${hex(at >> 16)}:${hex(at >> 8)}:${hex(at)}`, network, networkRef: network }],
    snapshots:
      chance(at, 70) % 8 === 0
        ? [
            {
              id: '1',
              name: 'before patch',
              description: '',
              createdAt: null,
              parentId: null,
              current: true,
              memory: false,
            },
          ]
        : [],
    devices: [
      { kind: 'controller', type: 'ParaVirtualSCSIController', name: 'SCSI controller 0', detail: 'scsi' },
      { kind: 'cdrom', type: 'VirtualCdrom', name: 'CD/DVD drive 1', detail: '' },
      ...(chance(at, 71) % 40 === 0 ? [{ kind: 'tpm' as const, type: 'VirtualTPM', name: 'TPM', detail: '' }] : []),
    ],
    tags: [`env/${pick(['prod', 'test', 'dev'], 72)}`],
    facts: {
      'vmware.cpuHotAdd': chance(at, 73) % 4 === 0,
      'vmware.memoryHotAdd': chance(at, 74) % 4 === 0,
      'vmware.cpuAffinity': false,
      'vmware.numaAffinity': false,
      'vmware.faultTolerance': false,
      'vmware.consolidationNeeded': chance(at, 75) % 200 === 0,
      'vmware.toolsVersion': 'guestToolsCurrent',
      'guest.disk./.capacityBytes': 40 * gib,
      'guest.disk./.freeBytes': 12 * gib,
    },
  });
}

const atOnce = 1_000;

export async function fill(db: Db, count: number, providers: number): Promise<void> {
  const systemIds: string[] = [];
  for (let at = 0; at < providers; at += 1)
    systemIds.push((await addProvider(db, `vcenter-${at}`, 'vsphere')).systemId);
  for (let from = 0; from < count; from += atOnce) {
    const vms = Array.from({ length: Math.min(atOnce, count - from) }, (_, at) => {
      const vm = someVm(from + at);
      return { id: newId(), vm, concerns: concernsOf(vm, { type: 'vsphere' }) };
    });
    await addVms(db, systemIds[(from / atOnce) % providers] ?? '', vms);
  }
  await db.pool.query('vacuum analyze');
}

/** A number that depends on both, spread well (FNV-1a). */
function chance(at: number, salt: number): number {
  let hash = 0x811c9dc5;
  for (const part of [at & 0xff, (at >> 8) & 0xff, (at >> 16) & 0xff, salt & 0xff, (salt >> 8) & 0xff]) {
    hash = Math.imul(hash ^ part, 0x01000193);
  }
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) >>> 1;
}

function hex(byte: number): string {
  return (byte & 0xff).toString(16).padStart(2, '0');
}
