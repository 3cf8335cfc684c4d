/** A domain's XML, of the KVM, Xen and test drivers, as a VM of the inventory. Pure. */
import { emptyVm } from '../../../model/empty-vm.ts';
import type { InventoryObject, InventoryVm, PowerState } from '../../../model/inventory.ts';
import { bytesOf, firmwareOf, originOf, osOf, whole } from '../../domain/values.ts';
import { findXml, type XmlElement } from '../../domain/xml.ts';
import type { DomainState } from '../rpc/calls.ts';
import type { DomainLife, HostContext } from './context.ts';
import { describeDevices } from './devices.ts';
import { describeDisk, diskElements, targetOf } from './disks.ts';
import { describeFacts, guestAgent } from './facts.ts';
import { addressesOf, describeNics } from './nics.ts';

export function describeDomain(
  domain: { readonly name: string; readonly uuid: string; readonly xml: XmlElement },
  life: DomainLife,
  host: HostContext,
): InventoryObject {
  const { xml } = domain;
  const memory = findXml(xml, 'memory');
  const nics = describeNics(xml, life.addresses, host);
  const data: InventoryVm = {
    ...emptyVm,
    detail: 'full',
    power: powerOf(life, host.driver),
    hostRef: host.hostRef,
    host: host.host,
    ...cpusOf(xml),
    memoryBytes: bytesOf(memory?.text, memory?.attributes['unit']),
    origin: originOf(xml),
    ...hvmFirmwareOf(xml),
    os: osOf(xml),
    uuid: domain.uuid,
    hardwareVersion: findXml(xml, 'os', 'type')?.attributes['machine'] ?? '',
    description: descriptionOf(xml),
    tools: toolsOf(xml, life.active),
    ips: addressesOf(life.addresses),
    disks: diskElements(xml).map((disk) => describeDisk(disk, life.disks.get(targetOf(disk)), host)),
    nics,
    snapshots: [...life.snapshots],
    devices: describeDevices(xml),
    facts: describeFacts(xml, life, nics, host.driver),
  };
  return { kind: 'vm', ref: domain.uuid, name: domain.name, stableId: domain.uuid, parentRef: host.hostRef, data };
}

/** What is known of a VM before its description was read. Whether one that is off has a saved memory image comes with that. */
export function summarizeDomain(
  domain: { readonly name: string; readonly uuid: string; readonly id: number },
  state: DomainState,
  host: HostContext,
): InventoryObject {
  const power = powerOf({ state, managedSave: null, active: domain.id !== -1 }, host.driver);
  const data: InventoryVm = { ...emptyVm, power, hostRef: host.hostRef, host: host.host };
  return { kind: 'vm', ref: domain.uuid, name: domain.name, stableId: domain.uuid, parentRef: host.hostRef, data };
}

/** Xen says nothing of a domain that idles: it runs as long as it has a number. A saved memory image is suspended. */
function powerOf(
  life: Pick<DomainLife, 'state' | 'managedSave' | 'active'>,
  driver: HostContext['driver'],
): PowerState {
  switch (life.state) {
    case 'running':
    case 'blocked':
    case 'shutting-down':
      return 'on';
    case 'paused':
      return 'paused';
    case 'suspended':
      return 'suspended';
    case 'shut-off':
    case 'crashed':
      return life.managedSave === true ? 'suspended' : 'off';
    case 'no-state':
      return driver === 'xen' && life.active ? 'on' : 'unknown';
    default:
      return life.state satisfies never;
  }
}

/** How many it has now; `coresPerSocket` 0 where nothing is said. */
function cpusOf(xml: XmlElement): { cpus: number; coresPerSocket: number } {
  const vcpu = findXml(xml, 'vcpu');
  const topology = findXml(xml, 'cpu', 'topology')?.attributes ?? {};
  const dies = Math.max(1, whole(topology['dies']));
  return {
    cpus: whole(vcpu?.attributes['current']) || whole(vcpu?.text),
    coresPerSocket: dies * whole(topology['cores']),
  };
}

/** A guest that the host starts from its own kernel or by pygrub (Xen's paravirtual ones) has none. */
function hvmFirmwareOf(xml: XmlElement): Pick<InventoryVm, 'firmware' | 'secureBoot'> {
  if (findXml(xml, 'os', 'type')?.text.trim() !== 'hvm') return { firmware: null, secureBoot: false };
  const { type, secureBoot } = firmwareOf(xml);
  return { firmware: type, secureBoot };
}

function descriptionOf(xml: XmlElement): string {
  const parts = [findXml(xml, 'title')?.text.trim() ?? '', findXml(xml, 'description')?.text.trim() ?? ''];
  return parts.filter((part) => part !== '').join('\n');
}

/** Of the guest agent is known what its channel says; without a channel, nothing. */
function toolsOf(xml: XmlElement, active: boolean): InventoryVm['tools'] {
  const agent = guestAgent(xml, active);
  return agent === 'connected' ? 'running' : agent === 'disconnected' ? 'not-running' : 'unknown';
}
