/** Everything but VMs, kept by reference: what VMs are in, on and connected to, in names that people know. */
import type { InventoryObject } from '../../../model/inventory.ts';
import { isA, type Ref } from '../vim25/schema.ts';
import { nameOf, parentOf, shownName } from './names.ts';
import { placeObject } from './place-object.ts';
import { as, type ManagedProps, type Props } from './props.ts';

const maxDepth = 100;

export class Places {
  readonly #rootFolder: string;
  readonly #places = new Map<string, ManagedProps>();
  #networks: ReadonlyMap<string, ManagedProps> | null = null;
  #vlans: ReadonlyMap<string, string> | null = null;
  readonly #tied = new WeakMap<object, ReadonlySet<string>>();
  /** References that something named when nothing was known of them. */
  readonly #missed = new Set<string>();

  constructor(rootFolder: Ref) {
    this.#rootFolder = rootFolder.value;
  }

  /**
   * `moved`: its name or its place is another one, so that what names it is told about differently. So is what was told before
   * it came: a host that is added with its VMs, or that this account may see only now.
   */
  put(place: ManagedProps): 'new' | 'moved' | 'same' {
    const before = this.#places.get(place.ref.value);
    const wasMissed = [place.ref.value, ...keysOf(place)].filter((key) => this.#missed.delete(key)).length > 0;
    this.#places.set(place.ref.value, place);
    this.#forget();
    if (before === undefined) return wasMissed ? 'moved' : 'new';
    return nameOf(before) === nameOf(place) && parentOf(before) === parentOf(place) ? 'same' : 'moved';
  }

  remove(ref: string): void {
    this.#places.delete(ref);
    this.#forget();
  }

  has(ref: string): boolean {
    return this.#places.has(ref);
  }

  values(): IterableIterator<ManagedProps> {
    return this.#places.values();
  }

  /** As people know it; null when it is not there, or may not be seen. */
  name(ref: string | undefined): string | null {
    const place = this.#find(ref);
    return place === undefined ? null : nameOf(place);
  }

  #find(ref: string | undefined): ManagedProps | undefined {
    const place = ref === undefined ? undefined : this.#places.get(ref);
    if (place === undefined && ref !== undefined) this.#missed.add(ref);
    return place;
  }

  /** In our words; null for what our tree has no room for: the compute resource around a single host. */
  object(place: ManagedProps): InventoryObject | null {
    return placeObject(place, { parentRef: this.shownParent(parentOf(place)), vlan: (name) => this.#vlan(name) });
  }

  /** What holds it in our tree: without the root folder, and without what stands around a single host. */
  shownParent(ref: string | undefined): string | null {
    let at = ref;
    for (let depth = 0; at !== undefined && depth < maxDepth; depth += 1) {
      if (at === this.#rootFolder) return null;
      const place = this.#find(at);
      if (place === undefined) return null;
      if (place.ref.type !== 'ComputeResource') return at;
      at = parentOf(place);
    }
    return null;
  }

  /** Names from the root down to this one, without the root folder's own. */
  path(ref: string | undefined): string {
    const names: string[] = [];
    let at = ref;
    for (let depth = 0; at !== undefined && at !== this.#rootFolder && depth < maxDepth; depth += 1) {
      const place = this.#find(at);
      if (place === undefined) break;
      names.unshift(nameOf(place));
      at = parentOf(place);
    }
    return names.join('/');
  }

  clusterOf(host: string | undefined): Props<'ClusterComputeResource'> | null {
    const place = this.#find(host);
    const parent = place === undefined ? undefined : this.#find(parentOf(place));
    return parent === undefined ? null : as<'ClusterComputeResource'>(parent, 'ClusterComputeResource');
  }

  /** The network of a distributed port group's key, or of an opaque network's id. */
  networkByKey(key: string): ManagedProps | null {
    this.#networks ??= new Map([...this.#places.values()].flatMap((place) => keysOf(place).map((at) => [at, place])));
    const network = this.#networks.get(key);
    if (network === undefined) this.#missed.add(key);
    return network ?? null;
  }

  /** Whether an enabled rule of its cluster ties the VM to hosts. */
  isTiedToHosts(vm: string, cluster: Props<'ClusterComputeResource'>): boolean {
    return this.#tiedOf(cluster).has(vm);
  }

  /** References of the VMs that enabled rules of this cluster tie to hosts; none of what is no cluster. */
  tiedIn(ref: string): ReadonlySet<string> {
    const place = this.#places.get(ref);
    const cluster = place === undefined ? null : as<'ClusterComputeResource'>(place, 'ClusterComputeResource');
    return cluster === null ? new Set() : this.#tiedOf(cluster);
  }

  #tiedOf(cluster: Props<'ClusterComputeResource'>): ReadonlySet<string> {
    let tied = this.#tied.get(cluster);
    if (tied === undefined) {
      tied = tiedVms(cluster);
      this.#tied.set(cluster, tied);
    }
    return tied;
  }

  /** VLAN of a host's own port group, by its name; several, joined, where hosts differ. */
  #vlan(network: string): string | null {
    this.#vlans ??= vlansOf(this.#places.values());
    return this.#vlans.get(network) ?? null;
  }

  #forget(): void {
    this.#networks = null;
    this.#vlans = null;
  }
}

function keysOf(place: ManagedProps): string[] {
  const group = as(place, 'DistributedVirtualPortgroup');
  if (group !== null) return [group.get('key') ?? group.ref.value];
  const summary = as(place, 'OpaqueNetwork')?.get('summary');
  return isA(summary, 'OpaqueNetworkSummary') ? [summary.opaqueNetworkId] : [];
}

function vlansOf(places: Iterable<ManagedProps>): ReadonlyMap<string, string> {
  const vlans = new Map<string, Set<number>>();
  for (const place of places) {
    for (const { spec } of as(place, 'HostSystem')?.get('config.network.portgroup') ?? []) {
      if (spec.vlanId === 0) continue;
      const name = shownName(spec.name);
      vlans.set(name, (vlans.get(name) ?? new Set()).add(spec.vlanId));
    }
  }
  return new Map([...vlans].map(([name, ids]) => [name, [...ids].sort((a, b) => a - b).join(', ')]));
}

function tiedVms(cluster: Props<'ClusterComputeResource'>): ReadonlySet<string> {
  const names = new Set<string | undefined>();
  for (const rule of cluster.get('configurationEx.rule') ?? []) {
    if (isA(rule, 'ClusterVmHostRuleInfo') && rule.enabled === true) names.add(rule.vmGroupName);
  }
  const groups = cluster.get('configurationEx.group') ?? [];
  return new Set(
    groups.flatMap((group) =>
      isA(group, 'ClusterVmGroup') && names.has(group.name) ? group.vm.map(({ value }) => value) : [],
    ),
  );
}
