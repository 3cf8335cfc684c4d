/** A VM for the tests of this folder. */
import type { Vm } from '../model/vm.ts';

export function sampleVm(change: Partial<Vm> = {}): Vm {
  return {
    id: 'vm-1',
    name: 'web',
    description: '',
    origin: 'vmware',
    cpus: 2,
    coresPerSocket: 0,
    memoryBytes: 512 * 1024 * 1024,
    firmware: { type: 'bios', secureBoot: false },
    os: { id: '', name: '' },
    disks: [
      {
        id: 'disk-1',
        name: 'disk 1',
        sizeBytes: 160 * 1024 * 1024,
        format: 'vmdk',
        storedBytes: null,
        access: 'random',
        bus: 'scsi',
        controller: 0,
        unit: 0,
        bootOrder: 1,
      },
    ],
    nics: [{ id: 'nic-1', mac: '00:50:56:aa:bb:cc', network: 'VM Network', model: 'vmxnet3', connected: true }],
    ...change,
  };
}
