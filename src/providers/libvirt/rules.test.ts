import { expect, test } from 'vitest';
import { plainLines } from './boot-check.ts';
import { chooseNetworks } from './networks.ts';
import { type Room, spaceConcerns } from '../local/space.ts';
import { testDisk, testVm } from '../domain/test-vm.ts';

const host = {
  networks: [
    { name: 'default', active: true },
    { name: 'lab', active: false },
  ],
  bridges: ['br0'],
  session: false,
};
const gib = 1024 ** 3;

function choose(name: string): ReturnType<typeof chooseNetworks> {
  return chooseNetworks(testVm(), { '*': name }, host);
}

function room(availableBytes: number, ownBytes = 0): Room {
  return { availableBytes, ownBytes, subject: 'libvirt', where: { pool: 'default' } };
}

test('a mapped name is a network, else a bridge, else the word user; anything else is critical and lists what there is', () => {
  expect(choose('default')).toEqual({ connections: [{ kind: 'network', name: 'default' }], concerns: [] });
  expect(choose('br0')).toEqual({ connections: [{ kind: 'bridge', name: 'br0' }], concerns: [] });
  expect(choose('user')).toEqual({ connections: [{ kind: 'user' }], concerns: [] });
  expect(choose('nope').concerns).toEqual([
    {
      code: 'libvirt.network_missing',
      severity: 'critical',
      params: { vm: 'web01', network: 'nope', networks: 'default, lab, br0, user' },
    },
  ]);
  expect(choose('lab').concerns).toMatchObject([{ code: 'libvirt.network_inactive', severity: 'critical' }]);
});

test('without a mapping: the network of the same name, else default with a word about it, else critical', () => {
  const vm = testVm();
  expect(chooseNetworks(vm, {}, host)).toMatchObject({
    connections: [{ kind: 'network', name: 'default' }],
    concerns: [{ code: 'libvirt.network_defaulted', severity: 'information' }],
  });
  const same = { ...host, networks: [{ name: 'VM Network', active: true }] };
  expect(chooseNetworks(vm, {}, same)).toEqual({
    connections: [{ kind: 'network', name: 'VM Network' }],
    concerns: [],
  });
  const bare = { networks: [], bridges: [], session: false };
  expect(chooseNetworks(vm, {}, bare).concerns).toMatchObject([
    { code: 'libvirt.network_unmapped', severity: 'critical' },
  ]);
  expect(chooseNetworks(vm, {}, { ...bare, session: true }).connections).toEqual([{ kind: 'user' }]);
  expect(chooseNetworks(vm, { '*': 'default', 'VM Network': 'br0' }, host).connections).toEqual([
    { kind: 'bridge', name: 'br0' },
  ]);
});

test('raw needs the virtual size, qcow2 at least what is stored, and what is ours already counts', () => {
  const vm = testVm({ disks: [testDisk({ sizeBytes: 10 * gib, storedBytes: 2 * gib })] });
  expect(spaceConcerns(vm, 'raw', room(9 * gib))).toEqual([
    {
      code: 'libvirt.no_space',
      severity: 'critical',
      params: { vm: 'web01', pool: 'default', availableGiB: 9, neededGiB: 10 },
    },
  ]);
  expect(spaceConcerns(vm, 'raw', room(9 * gib, 2 * gib))).toEqual([]);
  expect(spaceConcerns(vm, 'qcow2', room(gib))).toMatchObject([{ code: 'libvirt.no_space' }]);
  expect(spaceConcerns(vm, 'qcow2', room(9 * gib))).toMatchObject([
    { code: 'libvirt.may_outgrow_space', severity: 'warning' },
  ]);
  expect(spaceConcerns(vm, 'qcow2', room(11 * gib))).toEqual([]);
  const unknown = testVm({ disks: [testDisk({ sizeBytes: null, storedBytes: null })] });
  expect(spaceConcerns(unknown, 'raw', room(gib))).toMatchObject([{ code: 'libvirt.size_unknown' }]);
});

test('a console is read without its control sequences', () => {
  const raw = '\u001b[2J\u001b[01;01H\u001b[=3h  Welcome\r\n[drm] \u001b[1mready\u001b[0m\r\n\r\n';
  expect(plainLines(raw)).toEqual(['Welcome', '[drm] ready']);
});
