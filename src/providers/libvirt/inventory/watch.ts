/**
 * A host's inventory: everything once, then what its events tell. Events only say who changed; what has become of it is read
 * then, each object once however many events it had.
 *
 * libvirt has no events for some things: snapshots, autostart, a pool that fills, addresses that are leased. Those are seen at the
 * next event of their object, when one VM is read (`readVm`), and at the latest when all is read again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseXml } from '../../domain/xml.ts';
import type { InventoryObject } from '../../../model/inventory.ts';
import type { InventoryNews } from '../../provider.ts';
import { followEvents, type Touched } from '../rpc/events.ts';
import { isLibvirtError, LibvirtError } from '../rpc/libvirt-error.ts';
import type { Domain } from '../rpc/objects.ts';
import type { Session } from '../session.ts';
import type { HostContext, PoolPlace } from './context.ts';
import { dirtyObjects } from './dirty.ts';
import { summarizeDomain } from './domain.ts';
import { type HostReading, readDomain, readHost, readNetwork, readPool, refused } from './read.ts';
import { newsOf, type Published, publishedObjects } from './published.ts';
import { inParallel } from './parallel.ts';
import { poolPlace } from './host-objects.ts';

export type WatchOptions = {
  /** How long events are gathered before they are looked at. */
  readonly gatherMs: number;
  /** When all is read again, for what has no events. */
  readonly sweepMs: number;
};

export const usualWatch: WatchOptions = { gatherMs: 100, sweepMs: 15 * 60_000 };

type Reader = {
  readonly session: Session;
  readonly host: HostReading;
  readonly published: Published;
  readonly pools: Map<string, PoolPlace>;
  readonly networks: Map<string, string>;
  /** VMs of which no more than name and state was said yet. */
  readonly summaries: Set<string>;
};

const batch = 50;

export async function* watchHost(
  session: Session,
  signal: AbortSignal,
  options: WatchOptions = usualWatch,
): AsyncGenerator<InventoryNews> {
  const dirty = dirtyObjects();
  try {
    // Before anything is read, so that nothing is missed in between.
    await followEvents(session.rpc, (object) => dirty.add(object), signal);
    const host = await readHost(session, signal);
    const published = publishedObjects(host.ref);
    const reader: Reader = { session, host, published, pools: new Map(), networks: new Map(), summaries: new Set() };
    yield { kind: 'snapshot', product: host.product, version: host.version, systemId: host.systemId };
    yield* namesAndStates(reader, signal);
    yield* everything(reader, signal);
    yield { kind: 'synced' };
    const over = ended(session, signal);
    for (let sweep = Date.now() + options.sweepMs; ; ) {
      await dirty.wait(Math.max(1, sweep - Date.now()), over);
      await stillThere(session, signal);
      if (Date.now() >= sweep) {
        yield* everything(reader, signal);
        sweep = Date.now() + options.sweepMs;
      }
      // Events come in flocks: starting a VM tells of it four times.
      await Promise.race([sleep(options.gatherMs, undefined, { ref: false }), over]);
      yield* changes(reader, dirty.take(), signal);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw refused(session.address.uri, session.rpc.open ? error : await session.whyEnded());
  }
}

function ended(session: Session, signal: AbortSignal): Promise<unknown> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  return Promise.race([session.rpc.ended, promise]);
}

async function stillThere(session: Session, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!session.rpc.open) throw await session.whyEnded();
}

/**
 * Each VM's name and state, before anything is read that takes time: a description takes a dozen calls, over ssh to another
 * continent seconds.
 */
async function* namesAndStates(reader: Reader, signal: AbortSignal): AsyncGenerator<InventoryNews> {
  const { session, published, summaries } = reader;
  yield* newsOf(published.put(reader.host.object), []);
  const host = contextOf(reader);
  const domains = (await session.calls.domains.list(signal)).filter(({ id }) => host.driver !== 'xen' || id !== 0);
  for (let at = 0; at < domains.length; at += batch) {
    const put = await inParallel(domains.slice(at, at + batch), 4, async (domain) => {
      const found = await session.calls.domains.state(domain, signal).catch((error: unknown) => {
        if (error instanceof LibvirtError) return null; // gone, or locked: what is read next tells
        throw error;
      });
      return found === null ? null : summarizeDomain(domain, found.state, host);
    });
    const said = put.filter((object) => object !== null).flatMap((object) => published.put(object));
    for (const { ref } of said) summaries.add(ref);
    yield* newsOf(said, []);
  }
}

/** All there is, of which only what is new or gone is said. */
async function* everything(reader: Reader, signal: AbortSignal): AsyncGenerator<InventoryNews> {
  const { session, host, published } = reader;
  yield* newsOf(published.put(host.object), []);
  const pools = await optional(session.calls.pools.list(signal));
  const networks = await optional(session.calls.networks.list(signal));
  const domains = await session.calls.domains.list(signal);
  const touched: Touched[] = [
    ...known(pools, published.refs('storage')).map((uuid) => ({ kind: 'storage', uuid }) as const),
    ...known(
      networks,
      published.refs('network').filter((ref) => !ref.includes(':')),
    ).map((uuid) => ({ kind: 'network', uuid }) as const),
  ];
  yield* changes(reader, touched, signal);
  const uuids = known(domains, published.refs('vm'));
  for (let at = 0; at < uuids.length; at += batch) {
    yield* changes(
      reader,
      uuids.slice(at, at + batch).map((uuid) => ({ kind: 'vm', uuid }) as const),
      signal,
    );
  }
}

/** Those there are, and those that were: whoever is not there any more is found to be gone. */
function known(found: readonly { readonly uuid: string }[], before: readonly string[]): string[] {
  return [...new Set([...found.map(({ uuid }) => uuid), ...before])];
}

async function* changes(
  reader: Reader,
  touched: readonly Touched[],
  signal: AbortSignal,
): AsyncGenerator<InventoryNews> {
  const of = (kind: Touched['kind']): string[] => touched.filter((each) => each.kind === kind).map(({ uuid }) => uuid);
  for (const uuid of of('storage')) yield* poolNews(reader, uuid, signal);
  for (const uuid of of('network')) yield* networkNews(reader, uuid, signal);
  const vms = of('vm');
  for (let at = 0; at < vms.length; at += batch) yield* vmNews(reader, vms.slice(at, at + batch), signal);
  yield* newsOf([], reader.published.unplugged());
}

async function* vmNews(reader: Reader, uuids: readonly string[], signal: AbortSignal): AsyncGenerator<InventoryNews> {
  const { session, published, summaries } = reader;
  const host = contextOf(reader);
  // As many as a daemon works on for one client at once (max_client_requests is 5).
  const readings = await inParallel(uuids, 4, (uuid) => readVmByUuid(session, uuid, host, signal));
  const put: InventoryObject[] = [];
  for (const [at, reading] of readings.entries()) {
    const key = { kind: 'vm', ref: uuids[at] ?? '' } as const;
    if (reading === null) {
      yield* newsOf([], published.remove(key));
    } else if (reading.kind === 'unreadable') {
      if (summaries.has(key.ref)) yield* newsOf([], published.remove(key));
      published.mention(key);
      yield { kind: 'unreadable', objects: [reading.object] };
    } else {
      put.push(...published.put(reading.object, reading.plugs));
    }
    summaries.delete(key.ref);
  }
  yield* newsOf(put, []);
}

async function* poolNews(reader: Reader, uuid: string, signal: AbortSignal): AsyncGenerator<InventoryNews> {
  const { session, host, published } = reader;
  const pool = await session.more.poolByUuid(uuid, signal).catch(goneAs('noStoragePool'));
  const reading = pool === null ? null : await readPool(session, pool, host.ref, signal);
  if (reading === null) {
    reader.pools.delete(uuid);
    yield* newsOf([], published.remove({ kind: 'storage', ref: uuid }));
  } else {
    reader.pools.set(uuid, reading.place);
    yield* newsOf(published.put(reading.object), []);
  }
}

async function* networkNews(reader: Reader, uuid: string, signal: AbortSignal): AsyncGenerator<InventoryNews> {
  const { session, host, published } = reader;
  const network = await session.more.networkByUuid(uuid, signal).catch(goneAs('noNetwork'));
  const object = network === null ? null : await readNetwork(session, network, host.ref, signal);
  if (object === null) {
    reader.networks.delete(uuid);
    yield* newsOf([], published.remove({ kind: 'network', ref: uuid }));
  } else {
    reader.networks.set(uuid, object.name);
    yield* newsOf(published.put(object), []);
  }
}

function contextOf(reader: Reader): HostContext {
  const networks = new Map([...reader.networks].map(([uuid, name]) => [name, uuid]));
  const { ref, hostname } = reader.host;
  return {
    driver: reader.session.address.driver,
    hostRef: ref,
    host: hostname,
    pools: [...reader.pools.values()],
    networks,
  };
}

/** Null: it is gone. */
export async function readVmByUuid(session: Session, uuid: string, host: HostContext, signal: AbortSignal) {
  const domain: Domain | null = await session.calls.domains.byUuid(uuid, signal).catch(goneAs('noDomain'));
  return domain === null ? null : readDomain(session, domain, host, signal);
}

/** The context that one VM alone needs, read now. */
export async function readContext(session: Session, signal: AbortSignal): Promise<HostContext> {
  const host = await readHost(session, signal);
  const pools: PoolPlace[] = [];
  for (const pool of await optional(session.calls.pools.list(signal))) {
    const xml = await session.calls.pools.xml(pool, signal).catch(goneAs('noStoragePool'));
    if (xml !== null) pools.push(poolPlace(pool.uuid, pool.name, parseXml(xml)));
  }
  const networks = new Map<string, string>();
  for (const { name, uuid } of await optional(session.calls.networks.list(signal))) networks.set(name, uuid);
  return { driver: session.address.driver, hostRef: host.ref, host: host.hostname, pools, networks };
}

/** A driver without pools or networks has none. */
async function optional<T>(work: Promise<readonly T[]>): Promise<readonly T[]> {
  return work.catch((error: unknown) => {
    if (isLibvirtError(error, 'noSupport')) return [];
    throw error;
  });
}

function goneAs(code: 'noDomain' | 'noNetwork' | 'noStoragePool'): (error: unknown) => null {
  return (error) => {
    if (isLibvirtError(error, code)) return null;
    throw error;
  };
}
