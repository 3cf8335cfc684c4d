/** A VM for tests, as a source would describe it. */
import type { GuestCapabilities, Vm, VmDisk } from '../../model/vm.ts';

export const mib = 1024 * 1024;

export function testDisk(change: Partial<VmDisk> = {}): VmDisk {
  return {
    id: 'disk0',
    name: 'Hard disk 1',
    sizeBytes: 8 * mib,
    format: 'vmdk',
    storedBytes: mib,
    access: 'random',
    bus: 'scsi',
    controller: 0,
    unit: 0,
    bootOrder: null,
    ...change,
  };
}

export function testVm(change: Partial<Vm> = {}): Vm {
  return {
    id: 'vm-7',
    name: 'web01',
    description: '',
    origin: 'vmware',
    cpus: 2,
    coresPerSocket: 2,
    memoryBytes: 256 * mib,
    firmware: { type: 'bios', secureBoot: false },
    os: { id: 'debian12_64Guest', name: 'Debian' },
    disks: [testDisk()],
    nics: [{ id: 'nic0', mac: '00:50:56:aa:bb:cc', network: 'VM Network', model: 'vmxnet3', connected: true }],
    ...change,
  };
}

export function testGuest(change: Partial<GuestCapabilities> = {}): GuestCapabilities {
  return {
    blockBus: 'virtio-blk',
    nic: 'virtio-net',
    machine: 'q35',
    firmware: { type: 'bios', secureBoot: false },
    arch: 'x86_64',
    rng: true,
    balloon: true,
    panic: true,
    vsock: true,
    virtio10: true,
    os: 'debian12',
    ...change,
  };
}
