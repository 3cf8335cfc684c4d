/** A libvirt domain made of the neutral description. Pure: the same plan gives the same text. */
import type { GuestCapabilities, Vm } from '../../model/vm.ts';
import { devicesXml } from './domain-devices.ts';
import { libosinfoId } from './os-id.ts';
import { escapeXml } from './xml.ts';

/** What a NIC is plugged into. `user`: QEMU's own NAT, which needs no privilege. */
export type NicConnection =
  | { readonly kind: 'network'; readonly name: string }
  | { readonly kind: 'bridge'; readonly name: string }
  | { readonly kind: 'user' };

export type DomainPlan = {
  readonly name: string;
  /** Null: libvirt makes one. */
  readonly uuid: string | null;
  /** The mark of the target copy; null where the domain is not managed by us (image files). */
  readonly targetCopyId: string | null;
  readonly accelerator: 'kvm' | 'tcg';
  readonly vm: Vm;
  readonly guest: GuestCapabilities;
  /** In the VM's disk order. */
  readonly disks: readonly { readonly path: string; readonly format: 'raw' | 'qcow2' }[];
  /** In the VM's NIC order. */
  readonly nics: readonly NicConnection[];
  /** Where what the guest prints on its first serial port is kept too; null: nowhere. */
  readonly consoleLog: string | null;
};

/** The namespace of our element in a domain's metadata. */
export const metadataNamespace = 'urn:wherry:libvirt:1';

export type Machine = {
  readonly arch: string;
  readonly type: 'pc' | 'q35' | 'virt';
  readonly x86: boolean;
  readonly windows: boolean;
};

/** What of the guest decides several elements at once. */
export function machineOf(guest: GuestCapabilities): Machine {
  const x86 = guest.arch === '' || guest.arch === 'x86_64' || guest.arch === 'i686';
  // Secure boot needs SMM, which only q35 has.
  const type = guest.firmware.secureBoot && guest.machine === 'pc' ? 'q35' : guest.machine;
  return {
    arch: guest.arch === '' ? 'x86_64' : guest.arch,
    type: x86 ? type : 'virt',
    x86,
    windows: /^win/i.test(guest.os),
  };
}

export function domainXml(plan: DomainPlan): string {
  const { vm, guest } = plan;
  const machine = machineOf(guest);
  const memoryKiB = Math.ceil((vm.memoryBytes === 0 ? defaultMemoryBytes : vm.memoryBytes) / 1024);
  const lines = [
    `<domain type="${plan.accelerator === 'kvm' ? 'kvm' : 'qemu'}">`,
    `  <name>${escapeXml(plan.name)}</name>`,
    ...(plan.uuid === null ? [] : [`  <uuid>${escapeXml(plan.uuid)}</uuid>`]),
    ...(vm.description === '' ? [] : [`  <description>${escapeXml(vm.description)}</description>`]),
    ...indent(metadataXml(plan)),
    `  <memory unit="KiB">${memoryKiB}</memory>`,
    `  <currentMemory unit="KiB">${memoryKiB}</currentMemory>`,
    `  <vcpu>${vm.cpus}</vcpu>`,
    ...indent(osXml(guest, machine)),
    ...indent(featuresXml(plan, machine)),
    ...indent(cpuXml(plan, machine)),
    ...indent(clockXml(plan, machine)),
    '  <on_poweroff>destroy</on_poweroff>',
    '  <on_reboot>restart</on_reboot>',
    '  <on_crash>destroy</on_crash>',
    '  <devices>',
    ...indent(indent(devicesXml(plan, machine))),
    '  </devices>',
    '</domain>',
  ];
  return `${lines.join('\n')}\n`;
}

/** For a source that does not say how much: what fits most guests, rather than a VM that cannot start. */
const defaultMemoryBytes = 1024 ** 3;

/** Our element: the mark while we may still take the VM away again, and where it came from, which stays. */
export function markXml(targetCopyId: string | null, vm: Vm): string {
  const mark = targetCopyId === null ? '' : ` target-copy="${escapeXml(targetCopyId)}"`;
  const source = `source-name="${escapeXml(vm.name)}" source-id="${escapeXml(vm.id)}" origin="${vm.origin}"`;
  return `<wherry:vm xmlns:wherry="${metadataNamespace}"${mark} ${source}/>`;
}

function metadataXml(plan: DomainPlan): string[] {
  const id = libosinfoId(plan.guest.os);
  const lines: string[] = [];
  if (plan.targetCopyId !== null) lines.push(`  ${markXml(plan.targetCopyId, plan.vm)}`);
  if (id !== null) {
    lines.push(
      '  <libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0">',
      `    <libosinfo:os id="${escapeXml(id)}"/>`,
      '  </libosinfo:libosinfo>',
    );
  }
  return lines.length === 0 ? [] : ['<metadata>', ...lines, '</metadata>'];
}

/** With EFI, libvirt chooses the loader that has what is asked for; one with keys enrolled exactly for secure boot. */
function osXml(guest: GuestCapabilities, machine: Machine): string[] {
  const type = `  <type arch="${escapeXml(machine.arch)}" machine="${machine.type}">hvm</type>`;
  if (guest.firmware.type === 'bios') return ['<os>', type, '</os>'];
  if (!machine.x86) return ['<os firmware="efi">', type, '</os>'];
  const enabled = guest.firmware.secureBoot ? 'yes' : 'no';
  return [
    '<os firmware="efi">',
    type,
    '  <firmware>',
    `    <feature enabled="${enabled}" name="enrolled-keys"/>`,
    `    <feature enabled="${enabled}" name="secure-boot"/>`,
    '  </firmware>',
    '</os>',
  ];
}

function featuresXml(plan: DomainPlan, machine: Machine): string[] {
  if (!machine.x86) return ['<features>', '  <acpi/>', '</features>'];
  const hyperv = [
    '  <hyperv mode="custom">',
    '    <relaxed state="on"/>',
    '    <vapic state="on"/>',
    '    <spinlocks state="on" retries="8191"/>',
    '  </hyperv>',
  ];
  return [
    '<features>',
    '  <acpi/>',
    '  <apic/>',
    ...(machine.windows && plan.accelerator === 'kvm' ? hyperv : []),
    ...(plan.guest.firmware.secureBoot ? ['  <smm state="on"/>'] : []),
    '</features>',
  ];
}

/** Emulated, a guest gets all that QEMU can emulate: what is built for x86-64-v2 does not start on less. */
function cpuXml(plan: DomainPlan, machine: Machine): string[] {
  const { cpus, coresPerSocket } = plan.vm;
  const mode = plan.accelerator === 'tcg' ? 'maximum' : machine.x86 ? 'host-model' : 'host-passthrough';
  if (coresPerSocket === 0 || cpus % coresPerSocket !== 0) return [`<cpu mode="${mode}"/>`];
  const topology = `sockets="${cpus / coresPerSocket}" cores="${coresPerSocket}" threads="1"`;
  return [`<cpu mode="${mode}">`, `  <topology ${topology}/>`, '</cpu>'];
}

function clockXml(plan: DomainPlan, machine: Machine): string[] {
  const offset = machine.windows ? 'localtime' : 'utc';
  if (!machine.x86) return [`<clock offset="${offset}"/>`];
  return [
    `<clock offset="${offset}">`,
    '  <timer name="rtc" tickpolicy="catchup"/>',
    '  <timer name="pit" tickpolicy="delay"/>',
    '  <timer name="hpet" present="no"/>',
    ...(machine.windows && plan.accelerator === 'kvm' ? ['  <timer name="hypervclock" present="yes"/>'] : []),
    '</clock>',
  ];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
