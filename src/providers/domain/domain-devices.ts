/** The devices of a domain. */
import type { VmDisk } from '../../model/vm.ts';
import type { DomainPlan, Machine, NicConnection } from './domain-xml.ts';
import { escapeXml } from './xml.ts';

export function devicesXml(plan: DomainPlan, machine: Machine): string[] {
  const { guest } = plan;
  const transitional = virtioModel(plan, machine);
  return [
    ...disksXml(plan, machine),
    ...nicsXml(plan, machine),
    ...serialXml(plan),
    '<channel type="unix">',
    '  <target type="virtio" name="org.qemu.guest_agent.0"/>',
    '</channel>',
    ...(machine.x86 ? ['<input type="tablet" bus="usb"/>'] : []),
    '<graphics type="vnc" autoport="yes" listen="127.0.0.1"/>',
    // VGA is what every guest can show, with or without drivers; ARM has no such thing.
    `<video><model type="${machine.x86 ? 'vga' : 'virtio'}"/></video>`,
    `<memballoon model="${guest.balloon ? (transitional ?? 'virtio') : 'none'}"/>`,
    ...(guest.rng
      ? [`<rng model="${transitional ?? 'virtio'}"><backend model="random">/dev/urandom</backend></rng>`]
      : []),
    ...(guest.panic && machine.x86 ? ['<panic model="isa"/>'] : []),
    // No vsock: it needs a kernel module on the host, and a VM that does not start is worse than one without vsock.
  ];
}

/** q35 offers virtio 1.0 only, unless it is told that the guest's drivers are older. */
function virtioModel(plan: DomainPlan, machine: Machine): string | null {
  return machine.type === 'q35' && !plan.guest.virtio10 ? 'virtio-transitional' : null;
}

function disksXml(plan: DomainPlan, machine: Machine): string[] {
  const transitional = virtioModel(plan, machine);
  const orders = bootOrders(plan.vm.disks);
  const taken = { vd: 0, sd: 0, hd: 0 };
  const lines: string[] = [];
  for (const [index, disk] of plan.disks.entries()) {
    const bus = busOf(plan, machine, taken.hd);
    const prefix = bus === 'virtio' ? 'vd' : bus === 'ide' ? 'hd' : 'sd';
    const target = `${prefix}${letters(taken[prefix])}`;
    taken[prefix] += 1;
    const model = bus === 'virtio' && transitional !== null ? ` model="${transitional}"` : '';
    const order = orders[index];
    lines.push(
      `<disk type="file" device="disk"${model}>`,
      `  <driver name="qemu" type="${disk.format}" discard="unmap"/>`,
      `  <source file="${escapeXml(disk.path)}"/>`,
      `  <target dev="${target}" bus="${bus}"/>`,
      ...(order === undefined ? [] : [`  <boot order="${order}"/>`]),
      '</disk>',
    );
  }
  if (plan.guest.blockBus === 'virtio-scsi') {
    lines.push(`<controller type="scsi" index="0" model="${transitional ?? 'virtio-scsi'}"/>`);
  }
  return lines;
}

/** IDE has room for four disks, and none at all on q35; SATA takes the rest. */
function busOf(plan: DomainPlan, machine: Machine, ideDisks: number): 'virtio' | 'scsi' | 'ide' | 'sata' {
  const { blockBus } = plan.guest;
  if (blockBus === 'virtio-blk') return 'virtio';
  if (blockBus === 'virtio-scsi') return 'scsi';
  return blockBus === 'ide' && machine.type === 'pc' && ideDisks < 4 ? 'ide' : 'sata';
}

/** libvirt wants 1, 2, 3 without gaps or twins. Where the source says nothing, the first disk is booted. */
function bootOrders(disks: readonly VmDisk[]): (number | undefined)[] {
  const ranked = disks
    .map((disk, index) => ({ index, order: disk.bootOrder }))
    .filter((entry): entry is { index: number; order: number } => entry.order !== null)
    .sort((a, b) => a.order - b.order || a.index - b.index);
  if (ranked.length === 0) return disks.map((_, index) => (index === 0 ? 1 : undefined));
  const result: (number | undefined)[] = disks.map(() => undefined);
  for (const [rank, entry] of ranked.entries()) result[entry.index] = rank + 1;
  return result;
}

/** 0 is a, 25 is z, 26 is aa. */
function letters(index: number): string {
  const rest = Math.floor(index / 26);
  return `${rest === 0 ? '' : letters(rest - 1)}${String.fromCharCode(97 + (index % 26))}`;
}

function nicsXml(plan: DomainPlan, machine: Machine): string[] {
  const model = plan.guest.nic === 'virtio-net' ? (virtioModel(plan, machine) ?? 'virtio') : plan.guest.nic;
  return plan.vm.nics.flatMap((nic, index) => [
    ...connectionXml(plan.nics[index] ?? { kind: 'user' }),
    ...(nic.mac === null ? [] : [`  <mac address="${escapeXml(nic.mac)}"/>`]),
    `  <model type="${model}"/>`,
    ...(nic.connected ? [] : ['  <link state="down"/>']),
    '</interface>',
  ]);
}

function connectionXml(connection: NicConnection): string[] {
  if (connection.kind === 'user') return ['<interface type="user">'];
  return [`<interface type="${connection.kind}">`, `  <source ${connection.kind}="${escapeXml(connection.name)}"/>`];
}

function serialXml(plan: DomainPlan): string[] {
  const log = plan.consoleLog === null ? [] : [`  <log file="${escapeXml(plan.consoleLog)}" append="off"/>`];
  return ['<serial type="pty">', ...log, '  <target port="0"/>', '</serial>'];
}
