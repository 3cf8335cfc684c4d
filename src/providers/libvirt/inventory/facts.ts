/** What of a domain has no field of its own: facts by the names that src/concerns/facts.ts lists. Pure. */
import type { InventoryVm } from '../../../model/inventory.ts';
import { allXml, findXml, type XmlElement } from '../../domain/xml.ts';
import type { DomainLife, HostContext } from './context.ts';
import { diskElements, targetOf } from './disks.ts';
import { nicElements } from './nics.ts';
import { some } from './values.ts';

type Value = string | number | boolean | null;

export function describeFacts(
  domain: XmlElement,
  life: DomainLife,
  nics: InventoryVm['nics'],
  driver: HostContext['driver'],
): Record<string, string | number | boolean> {
  const os = findXml(domain, 'os');
  const osType = os === undefined ? undefined : findXml(os, 'type');
  const all: Record<string, Value> = {
    'libvirt.type': some(domain.attributes['type']),
    'libvirt.driver': driver,
    'libvirt.title': some(findXml(domain, 'title')?.text.trim()),
    'libvirt.persistent': life.persistent,
    'libvirt.autostart': life.autostart,
    'libvirt.managedSave': life.managedSave,
    'libvirt.checkpoints': life.checkpoints,
    'libvirt.osType': some(osType?.text.trim()),
    'libvirt.machine': some(osType?.attributes['machine']),
    'libvirt.arch': some(osType?.attributes['arch']),
    'libvirt.cpuMode': some(findXml(domain, 'cpu')?.attributes['mode']),
    'libvirt.cpuAffinity': isPinned(domain),
    'libvirt.numaAffinity': findXml(domain, 'numatune') !== undefined,
    'libvirt.hugePages': findXml(domain, 'memoryBacking', 'hugepages') !== undefined,
    'libvirt.launchSecurity': some(findXml(domain, 'launchSecurity')?.attributes['type']),
    'libvirt.directKernel': some(findXml(domain, 'os', 'kernel')?.text.trim()),
    'libvirt.bootloader': some(findXml(domain, 'bootloader')?.text.trim()),
    'libvirt.loader': some(findXml(domain, 'os', 'loader')?.text.trim()),
    'libvirt.nvram': some(findXml(domain, 'os', 'nvram')?.text.trim()),
    'libvirt.guestAgent': guestAgent(domain, life.active),
    'libvirt.filesystems': allXml(domain, 'devices', 'filesystem').length,
    'libvirt.sharedMemory': allXml(domain, 'devices', 'shmem').length,
    'libvirt.commandLine': domain.children.some(
      (child) => /^\w+:commandline$/.test(child.name) && child.children.length > 0,
    ),
  };
  for (const disk of diskElements(domain)) {
    const name = `libvirt.disk.${targetOf(disk)}`;
    all[`${name}.type`] = some(disk.attributes['type']);
    all[`${name}.device`] = disk.attributes['device'] ?? 'disk';
    all[`${name}.protocol`] = some(findXml(disk, 'source')?.attributes['protocol']);
    all[`${name}.transient`] = findXml(disk, 'transient') !== undefined;
    all[`${name}.missing`] = life.disks.get(targetOf(disk))?.missing ?? null;
  }
  for (const [index, nic] of nicElements(domain).entries()) {
    all[`libvirt.nic.${nics[index]?.id ?? index}.type`] = some(nic.attributes['type']);
  }
  return known(all);
}

/** The channel of the guest agent: none, configured (it is off), connected, disconnected. */
export function guestAgent(domain: XmlElement, active: boolean): string {
  const targets = allXml(domain, 'devices', 'channel', 'target');
  const agent = targets.find((target) => target.attributes['name'] === 'org.qemu.guest_agent.0');
  if (agent === undefined) return 'none';
  const state = agent.attributes['state'];
  return active && (state === 'connected' || state === 'disconnected') ? state : 'configured';
}

function isPinned(domain: XmlElement): boolean {
  const set = some(findXml(domain, 'vcpu')?.attributes['cpuset']);
  return set !== null || allXml(domain, 'cputune', 'vcpupin').length > 0;
}

function known(all: Readonly<Record<string, Value>>): Record<string, string | number | boolean> {
  const found: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(all)) if (value !== null) found[name] = value;
  return found;
}
