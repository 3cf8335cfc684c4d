/**
 * What virt-v2v is told about the guest: a small libvirt document with all its disks, as local qcow2 overlays of known
 * format. It is read by virt-v2v only, never by libvirt.
 */
import type { Vm, VmDisk } from '../model/vm.ts';

export type Overlay = { readonly diskId: string; readonly path: string };

/**
 * Disks come in the VM's order, which is the order the guest sees. EFI is stated; BIOS is not, because it is what sources
 * say when they say nothing: virt-v2v then looks at the disk and finds EFI where there is an EFI system partition only.
 * @throws when an overlay is missing or its path cannot stand in XML.
 */
export function libvirtXml(vm: Vm, overlays: readonly Overlay[]): string {
  const disks = vm.disks.map((disk, index) => {
    const overlay = overlays.find((each) => each.diskId === disk.id);
    if (overlay === undefined) throw new Error(`disk ${disk.name} of VM ${vm.name} has no overlay`);
    const { bus, device } = target(disk, index);
    return [
      `    <disk type='file' device='disk'>`,
      `      <driver name='qemu' type='qcow2'/>`,
      `      <source file='${escapePath(overlay.path)}'/>`,
      `      <target dev='${device}' bus='${bus}'/>`,
      `    </disk>`,
    ];
  });
  const nics = vm.nics.map((nic) => [
    `    <interface type='network'>`,
    ...(nic.mac === null ? [] : [`      <mac address='${escapeXml(nic.mac)}'/>`]),
    `      <source network='${escapeXml(nic.network === '' ? 'unknown' : nic.network)}'/>`,
    ...(nic.model === null ? [] : [`      <model type='${escapeXml(nic.model)}'/>`]),
    `    </interface>`,
  ]);
  return [
    `<domain type='${hypervisor(vm.origin)}'>`,
    `  <name>${escapeXml(vm.name === '' ? 'unnamed' : vm.name)}</name>`,
    // Without a unit: KiB. virt-v2v does not look at the unit.
    `  <memory>${Math.max(1, Math.round(vm.memoryBytes / 1024))}</memory>`,
    `  <vcpu>${vm.cpus}</vcpu>`,
    vm.firmware.type === 'efi' ? `  <os firmware='efi'>` : `  <os>`,
    `    <type arch='x86_64' machine='${vm.firmware.type === 'efi' ? 'q35' : 'pc'}'>hvm</type>`,
    ...(vm.firmware.type === 'efi' ? [`    <loader readonly='yes' type='pflash'/>`] : []),
    `    <boot dev='hd'/>`,
    `  </os>`,
    `  <features><acpi/><apic/></features>`,
    `  <devices>`,
    ...disks.flat(),
    ...nics.flat(),
    `  </devices>`,
    `</domain>`,
    '',
  ].join('\n');
}

function hypervisor(origin: Vm['origin']): string {
  const names = { vmware: 'vmware', virtualbox: 'vbox', xen: 'xen', hyperv: 'hyperv', ovirt: 'kvm', kvm: 'kvm' };
  return origin === 'unknown' ? 'qemu' : names[origin];
}

/** libvirt has no bus "nvme"; virt-v2v only looks whether it is one that it knows. */
const devices = {
  ide: ['ide', 'hd'],
  virtio: ['virtio', 'vd'],
  sata: ['sata', 'sd'],
  scsi: ['scsi', 'sd'],
  usb: ['usb', 'sd'],
  xen: ['xen', 'xvd'],
  nvme: ['sata', 'sd'],
} as const;

function target(disk: VmDisk, index: number): { bus: string; device: string } {
  const [bus, prefix] = devices[disk.bus];
  return { bus, device: `${prefix}${driveLetters(index)}` };
}

/** 0 → a, 25 → z, 26 → aa. */
export function driveLetters(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : driveLetters(Math.floor(index / 26) - 1) + last;
}

/** Characters that XML cannot hold at all are replaced: these are names for people, not references. */
function escapeXml(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&apos;', '"': '&quot;' };
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>'"]/g, (character) => names[character] ?? character)
    .replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A path must arrive as it is or not at all. */
function escapePath(file: string): string {
  if (!file.startsWith('/')) throw new Error(`not an absolute path: ${file}`);
  if (/[^\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(file))
    throw new Error(`a path that XML cannot hold: ${JSON.stringify(file)}`);
  return escapeXml(file);
}
