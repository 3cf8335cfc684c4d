/** HttpNfcLease: a VM or snapshot is open for export until it is completed, aborted, or nobody has asked to keep it. */
import type { Layer } from '../disk/layer.ts';
import { localized, VimFault } from '../soap/fault.ts';
import { data, refOf, type Data, type Ref, type Value } from '../values.ts';
import type { World } from '../world.ts';

export type LeasedDisk = { readonly key: number; readonly layer: Layer; readonly capacityBytes: number };

type Lease = {
  readonly ref: Ref;
  readonly vm: Ref;
  /** Path on the server → disk. */
  readonly files: ReadonlyMap<string, LeasedDisk>;
  readonly sessionKey: string;
  timer: NodeJS.Timeout;
  /** Aborted when the lease ends: downloads break off. */
  readonly over: AbortController;
};

export class Leases {
  readonly #world: () => World;
  readonly #leases = new Map<string, Lease>();

  constructor(world: () => World) {
    this.#world = world;
  }

  open(entity: Ref, vm: Ref, disks: readonly LeasedDisk[], sessionKey: string): Ref {
    const world = this.#world();
    const ref = refOf('HttpNfcLease', `session[${sessionKey}]${world.newId('lease-')}`);
    const files = new Map(
      disks.map((disk, index) => [`/nfc/${ref.value.replace(/\W/g, '-')}/disk-${index}.vmdk`, disk]),
    );
    const timer = this.#timer(ref);
    this.#leases.set(ref.value, { ref, vm, files, sessionKey, timer, over: new AbortController() });
    const properties = new Map<string, Value>([
      ['initializeProgress', 0],
      ['transferProgress', 0],
      ['mode', 'pushOrGet'],
      ['state', 'initializing'],
    ]);
    world.store.add({ ref, properties });
    setTimeout(() => this.#ready(ref, entity, files), world.settings.taskMs).unref();
    return ref;
  }

  /** The lease that a VM is held by. */
  holds(vm: Ref): Ref | undefined {
    return [...this.#leases.values()].find((lease) => lease.vm.value === vm.value)?.ref;
  }

  /** What a URL of a living lease gives, and when it stops giving it. */
  fileAt(path: string): { readonly disk: LeasedDisk; readonly over: AbortSignal } | undefined {
    for (const { files, over } of this.#leases.values()) {
      const disk = files.get(path);
      if (disk !== undefined) return { disk, over: over.signal };
    }
    return undefined;
  }

  /** False for a lease that is over. */
  keep(ref: Ref, percent: number): boolean {
    const lease = this.#leases.get(ref.value);
    if (lease === undefined) return false;
    clearTimeout(lease.timer);
    lease.timer = this.#timer(ref);
    this.#world().store.set(ref, 'transferProgress', percent);
    return true;
  }

  end(ref: Ref, state: 'done' | 'error', why?: VimFault): boolean {
    const lease = this.#leases.get(ref.value);
    if (lease === undefined) return false;
    this.#leases.delete(ref.value);
    clearTimeout(lease.timer);
    lease.over.abort();
    const { store } = this.#world();
    if (why !== undefined) store.set(ref, 'error', localized(why));
    store.set(ref, 'state', state);
    return true;
  }

  close(): void {
    for (const { ref } of this.#leases.values()) this.end(ref, 'error');
  }

  #timer(ref: Ref): NodeJS.Timeout {
    const timedOut = new VimFault('Timedout', 'The operation timed out: the lease was not kept.');
    const timer = setTimeout(() => this.end(ref, 'error', timedOut), this.#world().settings.leaseTimeoutSeconds * 1000);
    return timer.unref();
  }

  #ready(ref: Ref, entity: Ref, files: ReadonlyMap<string, LeasedDisk>): void {
    const { store, settings } = this.#world();
    if (!this.#leases.has(ref.value)) return;
    const total = [...files.values()].reduce((sum, { capacityBytes }) => sum + capacityBytes, 0);
    store.set(ref, 'initializeProgress', 100);
    store.set(
      ref,
      'info',
      data('HttpNfcLeaseInfo', {
        lease: ref,
        entity,
        deviceUrl: [...files].map(([path, disk], index) => this.#deviceUrl(path, disk, index)),
        totalDiskCapacityInKB: Math.ceil(total / 1024),
        leaseTimeout: settings.leaseTimeoutSeconds,
      }),
    );
    store.set(ref, 'state', 'ready');
  }

  /** An ESXi host writes `*` for itself. */
  #deviceUrl(path: string, { key }: LeasedDisk, index: number): Data {
    const world = this.#world();
    const origin = world.product.vcenter ? world.address() : `https://*${portOf(world.address())}`;
    return data('HttpNfcLeaseDeviceUrl', {
      key: `/vm/${key}`,
      importKey: String(key),
      url: `${origin}${path}`,
      sslThumbprint: world.thumbprint(),
      disk: true,
      targetId: `disk-${index}.vmdk`,
    });
  }
}

const portOf = (address: string): string => `:${new URL(address).port}`;
