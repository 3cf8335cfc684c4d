/** The host, its storage pools, networks and snapshots, from their XML. Pure. */
import type { InventoryObject, InventorySnapshot } from '../../../model/inventory.ts';
import { whole } from '../../domain/values.ts';
import { allXml, findXml, type XmlElement } from '../../domain/xml.ts';
import type { PoolPlace } from './context.ts';
import { size, some } from './values.ts';

export type HostFacts = {
  readonly hostname: string;
  readonly product: string;
  readonly version: string;
  readonly cpus: number;
  readonly memoryBytes: number;
};

export function describeHost(ref: string, uuid: string | null, facts: HostFacts): InventoryObject {
  return {
    kind: 'host',
    ref,
    name: facts.hostname,
    stableId: uuid,
    parentRef: null,
    data: {
      version: `${facts.product} ${facts.version}`.trim(),
      cpus: facts.cpus,
      memoryBytes: facts.memoryBytes,
      connection: 'connected',
      maintenance: false,
      power: 'on',
    },
  };
}

/** The host's own UUID, from its capabilities: null where the driver has none (test). */
export function hostUuid(capabilities: XmlElement): string | null {
  return some(findXml(capabilities, 'host', 'uuid')?.text.trim().toLowerCase());
}

/** 9001002 is 9.1.2. */
export function versionText(version: number): string {
  return `${Math.floor(version / 1e6)}.${Math.floor(version / 1e3) % 1e3}.${version % 1e3}`;
}

export function poolPlace(uuid: string, name: string, xml: XmlElement): PoolPlace {
  return {
    ref: uuid,
    name,
    type: xml.attributes['type'] ?? '',
    path: findXml(xml, 'target', 'path')?.text.trim() ?? '',
    sourceName: findXml(xml, 'source', 'name')?.text.trim() ?? '',
  };
}

export function describePool(
  place: PoolPlace,
  info: { readonly active: boolean; readonly capacityBytes: number; readonly availableBytes: number },
  xml: XmlElement,
  hostRef: string,
): InventoryObject {
  const adapter = findXml(xml, 'source', 'adapter')?.attributes ?? {};
  return {
    kind: 'storage',
    ref: place.ref,
    name: place.name,
    stableId: place.ref,
    parentRef: hostRef,
    data: {
      type: place.type,
      // Of a pool that is not started libvirt tells 0, which says nothing.
      capacityBytes: info.active ? size(info.capacityBytes) : null,
      freeBytes: info.active ? size(info.availableBytes) : null,
      accessible: info.active,
      wwns: [adapter['wwnn'], adapter['wwpn']].flatMap((wwn) => (wwn === undefined ? [] : [wwn])),
    },
  };
}

export function describeNetwork(uuid: string, name: string, xml: XmlElement, hostRef: string): InventoryObject {
  const forward = findXml(xml, 'forward');
  const tags = allXml(xml, 'vlan', 'tag').map((tag) => tag.attributes['id'] ?? '');
  return {
    kind: 'network',
    ref: uuid,
    name,
    stableId: uuid,
    parentRef: hostRef,
    data: {
      type: forward === undefined ? 'isolated' : (forward.attributes['mode'] ?? 'nat'),
      vlan: some(tags.join(',')),
    },
  };
}

export function describeSnapshot(xml: XmlElement, current: boolean): InventorySnapshot {
  const name = findXml(xml, 'name')?.text ?? '';
  const seconds = whole(findXml(xml, 'creationTime')?.text);
  const memory = findXml(xml, 'memory')?.attributes['snapshot'];
  return {
    id: name,
    name,
    description: findXml(xml, 'description')?.text ?? '',
    // Up to the year 9999, which is what a date of ours can say.
    createdAt: seconds > 0 && seconds < 253_402_300_800 ? new Date(seconds * 1000).toISOString() : null,
    parentId: some(findXml(xml, 'parent', 'name')?.text),
    current,
    memory: memory === 'internal' || memory === 'external',
  };
}

/** Parents before their children, older ones first: libvirt lists them in no order. */
export function orderSnapshots(snapshots: readonly InventorySnapshot[]): InventorySnapshot[] {
  const byAge = snapshots.toSorted((a, b) => keyOf(a).localeCompare(keyOf(b), 'en'));
  const ids = new Set(byAge.map(({ id }) => id));
  const ordered: InventorySnapshot[] = [];
  const taken = new Set<string>();
  const take = (of: string | null): void => {
    for (const each of byAge) {
      const parent = each.parentId !== null && ids.has(each.parentId) ? each.parentId : null;
      if (parent !== of || taken.has(each.id)) continue;
      taken.add(each.id);
      ordered.push(each);
      take(each.id);
    }
  };
  take(null);
  // What is its own ancestor has no place among them, and is told all the same.
  return [...ordered, ...byAge.filter(({ id }) => !taken.has(id))];
}

function keyOf(snapshot: InventorySnapshot): string {
  return `${snapshot.createdAt ?? ''} ${snapshot.name}`;
}
