/** Whether a guest has to be converted, and what a guest that is left as it is can use. Pure rules. */
import type { MigrationOptions } from '../model/spec.ts';
import type { GuestCapabilities, Vm } from '../model/vm.ts';

/** `auto` converts what does not come from KVM; a guest of unknown origin is converted too. */
export function conversionNeeded(vm: Vm, option: MigrationOptions['conversion']): boolean {
  if (option === 'auto') return vm.origin !== 'kvm' && vm.origin !== 'ovirt';
  return option === 'always';
}

/**
 * The nearest that QEMU has to what the guest was running on, so that it needs no new drivers. A guest of KVM keeps its
 * virtio. VMware's SCSI controllers and NICs are not among what we can ask a target for: such guests get IDE or SATA and
 * e1000, whose drivers nearly all systems carry. Extras that need drivers (random numbers, balloon) are left out.
 */
export function capabilitiesUnconverted(vm: Vm): GuestCapabilities {
  const fromKvm = vm.origin === 'kvm' || vm.origin === 'ovirt';
  const blockBus = bootBus(vm, fromKvm);
  const machine = vm.firmware.type === 'efi' || blockBus === 'sata' ? 'q35' : 'pc';
  return {
    blockBus,
    nic: nicModel(vm, fromKvm),
    machine,
    firmware: vm.firmware,
    arch: 'x86_64',
    rng: false,
    balloon: false,
    panic: false,
    vsock: false,
    // On "pc" virtio devices speak both the old and the new protocol, which suits every guest.
    virtio10: machine === 'q35',
    os: '',
  };
}

function bootBus(vm: Vm, fromKvm: boolean): GuestCapabilities['blockBus'] {
  const efi = vm.firmware.type === 'efi';
  const boot = [...vm.disks].sort((a, b) => (a.bootOrder ?? 1e9) - (b.bootOrder ?? 1e9))[0];
  // IDE goes with BIOS only: q35, which EFI runs on, has none.
  const oldest = efi ? 'sata' : 'ide';
  if (boot === undefined) return fromKvm ? 'virtio-blk' : oldest;
  const nearest = {
    virtio: 'virtio-blk',
    scsi: fromKvm ? 'virtio-scsi' : oldest,
    sata: 'sata',
    nvme: 'sata',
    ide: oldest,
    xen: oldest,
    usb: oldest,
  } as const;
  return nearest[boot.bus];
}

function nicModel(vm: Vm, fromKvm: boolean): GuestCapabilities['nic'] {
  const model = vm.nics.find((nic) => nic.model !== null)?.model?.toLowerCase() ?? '';
  if (model.startsWith('virtio')) return 'virtio-net';
  if (model === 'e1000' || model === 'e1000e' || model === 'rtl8139') return model;
  return fromKvm && model === '' ? 'virtio-net' : 'e1000';
}
