/** Reads a host's inventory through a session. Whatever vanishes while it is read is simply not there. */
import { toStored, WherryError } from '../../../model/errors.ts';
import type { InventoryObject, InventorySnapshot, Unreadable } from '../../../model/inventory.ts';
import { parseXml, type XmlElement } from '../../domain/xml.ts';
import type { Domain, Network, Pool } from '../rpc/objects.ts';
import { addressSources, type GuestInterface } from '../rpc/inventory-calls.ts';
import { isLibvirtError, LibvirtError } from '../rpc/libvirt-error.ts';
import type { Session } from '../session.ts';
import type { DomainLife, HostContext, PoolPlace } from './context.ts';
import { readDisks } from './read-disks.ts';
import { describeDomain } from './domain.ts';
import { guestAgent } from './facts.ts';
import {
  describeHost,
  describeNetwork,
  describePool,
  describeSnapshot,
  hostUuid,
  orderSnapshots,
  poolPlace,
  versionText,
} from './host-objects.ts';
import { type HostPlug, plugsOf } from './nics.ts';

export type HostReading = {
  readonly ref: string;
  /** The host's UUID, or its name where it has none, and the driver. */
  readonly systemId: string;
  readonly product: string;
  readonly version: string;
  readonly hostname: string;
  readonly object: InventoryObject;
};

const products = { qemu: 'libvirt (QEMU/KVM)', xen: 'libvirt (Xen)', test: 'libvirt (test driver)' } as const;

export async function readHost({ address, calls, more }: Session, signal: AbortSignal): Promise<HostReading> {
  const hostname = await calls.host.hostname(signal);
  const library = versionText(await calls.host.libraryVersion(signal));
  const hypervisor = await orNull(calls.host.hypervisorVersion(signal));
  const uuid = hostUuid(parseXml(await calls.host.capabilities(signal)));
  const node = await more.nodeInfo(signal);
  const product = products[address.driver];
  const version = hypervisor === null ? library : `${library}, hypervisor ${versionText(hypervisor)}`;
  // A session daemon has other VMs than the system's on the same host.
  const driver = address.session ? `${address.driver}/session` : address.driver;
  const systemId = `${uuid ?? hostname}/${driver}`;
  const ref = `host:${uuid ?? hostname}`;
  return {
    ref,
    systemId,
    product,
    version: library,
    hostname,
    object: describeHost(ref, uuid, { hostname, product, version, cpus: node.cpus, memoryBytes: node.memoryBytes }),
  };
}

export type PoolReading = { readonly place: PoolPlace; readonly object: InventoryObject };

/** Null: it is gone. */
export async function readPool(
  { calls }: Session,
  pool: Pool,
  hostRef: string,
  signal: AbortSignal,
): Promise<PoolReading | null> {
  try {
    const xml = parseXml(await calls.pools.xml(pool, signal));
    const place = poolPlace(pool.uuid, pool.name, xml);
    const info = await calls.pools.info(pool, signal).catch((error: unknown) => {
      if (!(error instanceof LibvirtError) || isLibvirtError(error, 'noStoragePool')) throw error;
      return { active: false, capacityBytes: 0, availableBytes: 0 };
    });
    return { place, object: describePool(place, info, xml, hostRef) };
  } catch (error) {
    if (isLibvirtError(error, 'noStoragePool')) return null;
    throw error;
  }
}

/** Null: it is gone. */
export async function readNetwork(
  { calls }: Session,
  network: Network,
  hostRef: string,
  signal: AbortSignal,
): Promise<InventoryObject | null> {
  try {
    return describeNetwork(network.uuid, network.name, parseXml(await calls.networks.xml(network, signal)), hostRef);
  } catch (error) {
    if (isLibvirtError(error, 'noNetwork')) return null;
    throw error;
  }
}

export type DomainReading =
  | { readonly kind: 'vm'; readonly object: InventoryObject; readonly plugs: readonly HostPlug[] }
  | { readonly kind: 'unreadable'; readonly object: Unreadable; readonly error: WherryError };

/** Null: it is gone, or no VM (Xen's own domain 0). */
export async function readDomain(
  session: Session,
  domain: Domain,
  host: HostContext,
  signal: AbortSignal,
): Promise<DomainReading | null> {
  if (session.address.driver === 'xen' && domain.id === 0) return null;
  try {
    const { state } = await session.calls.domains.state(domain, signal);
    const text = await session.calls.domains.xml(domain, 0, signal);
    let xml: XmlElement;
    try {
      xml = parseXml(text);
    } catch (error) {
      const params = { system: session.address.uri, what: `the description of ${domain.name}` };
      return unreadable(domain, new WherryError('provider.answer_broken', params, error));
    }
    const life = await readLife(session, domain, { state, xml }, signal);
    const described = describeDomain({ name: domain.name, uuid: domain.uuid, xml }, life, host);
    return { kind: 'vm', object: described, plugs: plugsOf(xml) };
  } catch (error) {
    if (isLibvirtError(error, 'noDomain')) return null;
    if (!(error instanceof LibvirtError)) throw error;
    // One VM that libvirt does not describe just now (it is locked by a job) must not end the inventory of all others.
    const params = { system: session.address.uri, operation: `to describe ${domain.name}` };
    return unreadable(domain, new WherryError('provider.refused', params, error));
  }
}

function unreadable(domain: Domain, error: WherryError): DomainReading {
  const { code, params, causes } = toStored(error);
  const object = { ref: domain.uuid, name: domain.name, code, params: { ...params }, causes: [...causes] };
  return { kind: 'unreadable', object, error };
}

async function readLife(
  session: Session,
  domain: Domain,
  { state, xml }: { state: DomainLife['state']; xml: XmlElement },
  signal: AbortSignal,
): Promise<DomainLife> {
  const { more } = session;
  const active = state !== 'shut-off' && state !== 'crashed' && (state !== 'no-state' || domain.id !== -1);
  const [autostart, persistent, managedSave, checkpoints, snapshots, disks, addresses] = await Promise.all([
    orNull(more.autostart(domain, signal)),
    orNull(more.persistent(domain, signal)),
    orNull(more.managedSave(domain, signal)),
    orNull(more.checkpoints(domain, signal)),
    readSnapshots(session, domain, signal),
    readDisks(session, domain, { xml, active }, signal),
    active ? readAddresses(session, domain, guestAgent(xml, active) === 'connected', signal) : [],
  ]);
  return {
    state,
    active,
    autostart,
    persistent,
    managedSave,
    checkpoints: checkpoints === null ? null : checkpoints.length,
    snapshots,
    disks,
    addresses,
  };
}

async function readSnapshots({ more }: Session, domain: Domain, signal: AbortSignal): Promise<InventorySnapshot[]> {
  const found: InventorySnapshot[] = [];
  for (const snapshot of (await orNull(more.snapshots(domain, signal))) ?? []) {
    const xml = await orNull(more.snapshotXml(snapshot, signal));
    const current = await orNull(more.isCurrentSnapshot(snapshot, signal));
    if (xml !== null) found.push(describeSnapshot(parseXml(xml), current === true));
  }
  return orderSnapshots(found);
}

/** The guest's own word where its agent answers; else what the host has leased; else what it has seen. */
async function readAddresses(
  { more }: Session,
  domain: Domain,
  hasAgent: boolean,
  signal: AbortSignal,
): Promise<GuestInterface[]> {
  const sources = [...(hasAgent ? [addressSources.agent] : []), addressSources.lease, addressSources.arp];
  for (const source of sources) {
    const found = (await orNull(more.addresses(domain, source, signal))) ?? [];
    if (found.some((each) => each.addresses.length > 0)) return found;
  }
  return [];
}

/** What libvirt answers, or null where it refuses this one thing. A VM that is gone, or a broken connection, is thrown. */
export async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    const isAnswer = error instanceof Error && error.name === 'LibvirtError' && !isLibvirtError(error, 'noDomain');
    if (!isAnswer) throw error;
    return null;
  }
}

/** For a reading that libvirt refused altogether. */
export function refused(system: string, error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'LibvirtError') return error;
  return new WherryError('provider.refused', { system, operation: 'to read its inventory' }, error);
}
