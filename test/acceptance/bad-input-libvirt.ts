/** The table of bad libvirt targets. */
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import type { Libvirtd } from '../peers/libvirtd.ts';
import type { BadCase, Control } from './bad-case.ts';
import type { InputFiles } from './bad-input-files.ts';

const host = hostname();

/** Names of VMs and volumes that stand in the way in `default`; the pool `small` has room for 32 MiB. */
export const takenName = 'taken';

export function libvirtCases(files: InputFiles, libvirtd: Libvirtd, smallSeen: string): BadCase[] {
  const pool = libvirtd.pools['default'] ?? '';
  const noSocket = join(dirname(libvirtd.socketPath), 'nobody-listens');
  const look = async (): Promise<string> =>
    [
      await libvirtd.virsh('list', '--all', '--uuid'),
      await libvirtd.virsh('vol-list', 'default'),
      await libvirtd.virsh('vol-list', 'small'),
      await libvirtd.virsh('dumpxml', takenName),
    ].join('\n');
  const to = (more: readonly string[]): string[] => {
    return ['--to', 'libvirt', '--uri', libvirtd.uri, '--network', 'user', '--no-start', ...more];
  };
  const common = { sources: [files.good], targets: [pool], look };
  return [
    {
      ...common,
      name: 'a VM name that is taken',
      words: [files.good, ...to(['--name', takenName])],
      code: 'libvirt.name_taken',
      names: ['VM app', takenName, libvirtd.uri, host],
      next: /another name/,
    },
    {
      ...common,
      name: 'libvirt that does not run',
      words: [files.good, '--to', 'libvirt', '--uri', `qemu:///system?socket=${noSocket}`],
      code: 'libvirt.not_running',
      names: ['VM app', noSocket, host],
      cause: /no socket at/,
      next: /systemctl start libvirtd/,
    },
    {
      ...common,
      name: 'a pool that is not there',
      words: [files.good, ...to(['--pool', 'nowhere'])],
      code: 'libvirt.pool_missing',
      names: ['VM app', 'nowhere', host],
      cause: /no storage pool with matching name 'nowhere'/,
      next: /default, small/,
    },
    {
      ...common,
      name: 'a network that is not there',
      words: [files.good, '--to', 'libvirt', '--uri', libvirtd.uri, '--no-start', '--network', 'no-such-net'],
      code: 'libvirt.network_missing',
      names: ['VM app', 'no-such-net', host],
      next: /Map it to one of: .*user/,
    },
    {
      ...common,
      name: 'a pool with too little room',
      words: [files.large, ...to(['--pool', 'small', '--conversion', 'never'])],
      code: 'libvirt.no_space',
      names: ['VM large', 'pool small', host, 'GiB'],
      next: /room/,
      sources: [files.large],
      targets: [pool, smallSeen],
      alone: true,
    },
    {
      ...common,
      name: 'a pool that is full in the middle of the copy',
      words: [files.swelling, ...to(['--pool', 'small'])],
      code: 'transfer.no_space',
      names: ['VM app', 'disk app_Disk1', host],
      cause: /writing to file failed|no space left on device/i,
      next: /Free space/,
      sources: [files.swelling],
      targets: [pool, smallSeen],
      more: ({ steps }) => ({
        'the copy had begun': steps.some(({ name, state }) => name === 'copy' && state === 'failed'),
      }),
      alone: true,
    },
  ];
}

export function libvirtControls(files: InputFiles, libvirtd: Libvirtd): Control[] {
  const to = ['--to', 'libvirt', '--uri', libvirtd.uri, '--network', 'user', '--no-start'];
  return [
    { name: 'libvirt, pool, network and name that are right', words: [files.good, ...to, '--name', 'free'] },
    {
      name: 'a disk that fits, in the same small pool',
      words: [files.good, ...to, '--pool', 'small', '--name', 'fits'],
    },
  ];
}
