import { describe, expect, it } from 'vitest';
import type { Vm } from '../model/vm.ts';
import { capabilitiesUnconverted, conversionNeeded } from './needed.ts';
import { sampleVm } from './sample.ts';

const withBus = (bus: Vm['disks'][number]['bus'], change: Partial<Vm> = {}): Vm => {
  const vm = sampleVm(change);
  return { ...vm, disks: vm.disks.map((disk) => ({ ...disk, bus })) };
};

describe('conversion', () => {
  it.each([
    ['vmware', true],
    ['virtualbox', true],
    ['xen', true],
    ['hyperv', true],
    ['unknown', true],
    ['kvm', false],
    ['ovirt', false],
  ] as const)('of a guest from %s is needed by itself: %s', (origin, needed) => {
    expect(conversionNeeded(sampleVm({ origin }), 'auto')).toBe(needed);
    expect(conversionNeeded(sampleVm({ origin }), 'always')).toBe(true);
    expect(conversionNeeded(sampleVm({ origin }), 'never')).toBe(false);
  });
});

describe('a guest that is left as it is', () => {
  const efi = { firmware: { type: 'efi', secureBoot: true } } as const;

  it.each([
    [withBus('virtio', { origin: 'kvm' }), 'virtio-blk', 'pc'],
    [withBus('virtio', { origin: 'kvm', ...efi }), 'virtio-blk', 'q35'],
    [withBus('scsi', { origin: 'ovirt' }), 'virtio-scsi', 'pc'],
    [withBus('scsi'), 'ide', 'pc'],
    [withBus('scsi', efi), 'sata', 'q35'],
    [withBus('ide'), 'ide', 'pc'],
    [withBus('ide', efi), 'sata', 'q35'],
    [withBus('sata'), 'sata', 'q35'],
    [withBus('nvme'), 'sata', 'q35'],
    [withBus('xen', { origin: 'xen' }), 'ide', 'pc'],
  ])('gets a disk bus that it has drivers for, and a machine that has the bus (%#)', (vm, blockBus, machine) => {
    expect(capabilitiesUnconverted(vm)).toMatchObject({ blockBus, machine, firmware: vm.firmware });
  });

  it('goes by the disk that it boots from', () => {
    const [disk] = sampleVm().disks;
    if (disk === undefined) throw new Error('the sample has a disk');
    const disks = [
      { ...disk, bus: 'sata' as const, bootOrder: null },
      { ...disk, bus: 'ide' as const, bootOrder: 1 },
    ];
    expect(capabilitiesUnconverted(sampleVm({ disks })).blockBus).toBe('ide');
  });

  it.each([
    ['vmxnet3', 'vmware', 'e1000'],
    ['E1000e', 'vmware', 'e1000e'],
    ['e1000', 'vmware', 'e1000'],
    ['rtl8139', 'xen', 'rtl8139'],
    ['virtio', 'kvm', 'virtio-net'],
    [null, 'kvm', 'virtio-net'],
    [null, 'vmware', 'e1000'],
  ] as const)('with a NIC %s from %s gets %s', (model, origin, nic) => {
    const nics = sampleVm().nics.map((each) => ({ ...each, model }));
    expect(capabilitiesUnconverted(sampleVm({ origin, nics })).nic).toBe(nic);
  });
});
