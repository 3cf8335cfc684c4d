/**
 * A vCenter's or host's inventory: everything first, then what changes. The first answer of the property collector's filter
 * names all that is there: it is compared with what was read, so that nothing can change unseen between the two. What is
 * otherwise, and what changes from then on, is read anew, whole. So are the VMs whose tags are others than before.
 */
import type { InventoryObject, Unreadable } from '../../../model/inventory.ts';
import type { InventoryNews } from '../../provider.ts';
import { isSignedOut, wherryError, type Session } from '../session.ts';
import type { Ref } from '../vim25/schema.ts';
import { VimFault } from '../vim25/soap.ts';
import { Places } from './places.ts';
import { placeNames, placesIn, theseObjects, vmNamesIn, vmsIn } from './properties.ts';
import { as } from './props.ts';
import { begun, readObjects, readSelected, readThese, type Read } from './reader.ts';
import { Seen } from './seen.ts';
import { Tags, type TagPause } from './tags.ts';
import { openTrail, type Changes, type Trail } from './trail.ts';
import { vmObject } from './vm-object.ts';

/** Objects in one `put`: small enough to be forgotten soon, large enough not to be many. */
const batchSize = 100;
/** A session that ends again so soon is ended by somebody. */
const settledMs = 60_000;

/** What a connection knows beside VMs; filled by the first full read. */
export type Known = { places: Places | null; tags: Pick<Tags, 'of'> | null };

export async function* watchSession(
  session: Session,
  known: Known,
  tagPause: TagPause,
  signal: AbortSignal,
): AsyncGenerator<InventoryNews> {
  let signedInAt = Number.NEGATIVE_INFINITY;
  let begunAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    const { generation } = session;
    const wasBegunAt = begunAt;
    begunAt = performance.now();
    try {
      yield* follow(session, known, tagPause, signal);
    } catch (error) {
      if (signal.aborted) return;
      const ended = isSignedOut(error) || session.generation !== generation;
      // A server that forgets at once what it was asked for would be read from the beginning again and again.
      const again = performance.now() - (ended ? signedInAt : wasBegunAt) > settledMs && (ended || isOutOfDate(error));
      if (!again) throw wherryError(error, session.system, 'reading the inventory');
      if (ended) {
        signedInAt = performance.now();
        await session.signInAgain(generation, signal);
      }
    }
  }
}

/** The server has forgotten where we were: everything is read again. */
function isOutOfDate(error: unknown): boolean {
  return error instanceof VimFault && error.is('InvalidCollectorVersion');
}

async function* follow(
  session: Session,
  known: Known,
  tagPause: TagPause,
  signal: AbortSignal,
): AsyncGenerator<InventoryNews> {
  await using trail = await openTrail(session, placeNames, signal);
  const places = await loadPlaces(session, trail.placesView, signal);
  known.places = places;
  const vms = await vmRefs(session, trail.vmsView, signal);
  // The server is at work on the first of them while the rest is got ready.
  await using reads = begun(readThese(session, vms, theseObjects, signal));
  const { fullName, version, instanceUuid } = session.content.about;
  yield { kind: 'snapshot', product: fullName, version, systemId: instanceUuid ?? hostUuid(places) ?? session.system };
  yield* puts(placeObjects(places));
  await using tags = new Tags(session, tagPause);
  await tags.read(signal);
  known.tags = tags;
  const seen = new Seen();
  for (const place of places.values()) seen.add(place);
  yield* vmNews(reads, places, tags, seen);
  yield { kind: 'synced' };
  yield* changeNews(session, trail, places, tags, await sinceSeen(session, trail, seen, signal), signal);
  let changed: Promise<Changes> | null = null;
  let tagged: Promise<readonly string[]> | null = null;
  for (;;) {
    // What is not through yet is waited for on the next round.
    changed ??= trail.next(signal);
    tagged ??= tags.next(signal);
    const news = await Promise.race([changed, tagged]);
    if ('left' in news) {
      changed = null;
      yield* changeNews(session, trail, places, tags, news, signal);
    } else {
      tagged = null;
      const refs = news.map((value) => ({ type: 'VirtualMachine', value }));
      yield* vmNews(readThese(session, refs, theseObjects, signal), places, tags);
    }
  }
}

async function vmRefs(session: Session, view: Ref, signal: AbortSignal): Promise<Ref[]> {
  const vms: Ref[] = [];
  for await (const reads of readSelected(session, vmNamesIn(view), signal)) {
    for (const read of reads) {
      vms.push('object' in read ? read.object.ref : { type: 'VirtualMachine', value: read.unreadable.ref });
    }
  }
  return vms;
}

/** What has changed since it was read. One that was not told of is asked for before anybody hears that it is gone. */
async function sinceSeen(session: Session, trail: Trail, seen: Seen, signal: AbortSignal): Promise<Changes> {
  const { changed, left, missing } = await trail.catchUp(seen, signal);
  const gone = new Map(missing);
  for await (const reads of readThese(session, [...missing.values()], theseObjects, signal)) {
    for (const read of reads) gone.delete('object' in read ? read.object.ref.value : read.unreadable.ref);
  }
  return { changed, left: new Map([...left, ...gone]) };
}

export async function loadPlaces(session: Session, view: Ref, signal: AbortSignal): Promise<Places> {
  const places = new Places(session.content.rootFolder);
  for await (const read of readObjects(session, placesIn(view), signal)) {
    if ('object' in read) places.put(read.object);
  }
  return places;
}

/** One VM, now; null when it is gone. */
export async function readOneVm(
  session: Session,
  places: Places,
  tags: Known['tags'],
  ref: string,
  signal: AbortSignal,
): Promise<InventoryObject | Unreadable | null> {
  const refs = [{ type: 'VirtualMachine', value: ref }];
  for await (const [read] of readThese(session, refs, theseObjects, signal)) {
    if (read === undefined) continue;
    if ('unreadable' in read) return read.unreadable;
    const vm = as<'VirtualMachine'>(read.object, 'VirtualMachine');
    return vm === null ? null : vmObject(vm, places, tags?.of(ref) ?? []);
  }
  return null;
}

async function* changeNews(
  session: Session,
  trail: Trail,
  places: Places,
  tags: Tags,
  changes: Changes,
  signal: AbortSignal,
): AsyncGenerator<InventoryNews> {
  const gone = [...changes.left.values()].flatMap(({ type, value }) => {
    const kind = kindOf(type);
    return kind === null ? [] : [{ kind, ref: value }];
  });
  for (const { value } of changes.left.values()) places.remove(value);
  if (gone.length > 0) yield { kind: 'gone', objects: gone };

  const changed = [...changes.changed.values()];
  const changedPlaces = changed.filter(({ type }) => type !== 'VirtualMachine');
  const put: InventoryObject[] = [];
  const vms = new Map(changed.flatMap((ref) => (ref.type === 'VirtualMachine' ? [[ref.value, ref]] : [])));
  let moved = false;
  for await (const reads of readThese(session, changedPlaces, theseObjects, signal)) {
    for (const read of reads) {
      if (!('object' in read)) continue;
      const { value: place } = read.object.ref;
      const tied = places.tiedIn(place);
      moved = places.put(read.object) === 'moved' || moved;
      // Rules are the cluster's: nothing says of the VM itself that it is tied now.
      for (const value of tied.symmetricDifference(places.tiedIn(place))) {
        vms.set(value, { type: 'VirtualMachine', value });
      }
      const object = places.object(read.object);
      if (object !== null) put.push(object);
    }
  }
  yield* puts(put);
  if (moved) {
    // Whatever names it, or stands below it, is told of anew.
    yield* puts(placeObjects(places));
    yield* vmNews(readSelected(session, vmsIn(trail.vmsView), signal), places, tags);
    return;
  }
  yield* vmNews(readThese(session, [...vms.values()], theseObjects, signal), places, tags);
}

async function* vmNews(
  reads: AsyncIterable<readonly Read[]>,
  places: Places,
  tags: Tags,
  seen?: Seen,
): AsyncGenerator<InventoryNews> {
  let objects: InventoryObject[] = [];
  let unreadable: Unreadable[] = [];
  for await (const some of reads) {
    for (const read of some) {
      if ('unreadable' in read) unreadable.push(read.unreadable);
      else {
        seen?.add(read.object);
        const vm = as<'VirtualMachine'>(read.object, 'VirtualMachine');
        if (vm !== null) objects.push(vmObject(vm, places, tags.of(vm.ref.value)));
      }
    }
    if (objects.length >= batchSize) {
      yield { kind: 'put', objects };
      objects = [];
    }
    if (unreadable.length >= batchSize) {
      yield { kind: 'unreadable', objects: unreadable };
      unreadable = [];
    }
  }
  if (objects.length > 0) yield { kind: 'put', objects };
  if (unreadable.length > 0) yield { kind: 'unreadable', objects: unreadable };
}

function* puts(objects: readonly InventoryObject[]): Generator<InventoryNews> {
  for (let at = 0; at < objects.length; at += batchSize)
    yield { kind: 'put', objects: objects.slice(at, at + batchSize) };
}

function placeObjects(places: Places): InventoryObject[] {
  return [...places.values()].flatMap((place) => places.object(place) ?? []);
}

function hostUuid(places: Places): string | null {
  for (const place of places.values()) {
    const uuid = as<'HostSystem'>(place, 'HostSystem')?.get('summary.hardware')?.uuid ?? '';
    if (uuid !== '') return uuid.toLowerCase();
  }
  return null;
}

function kindOf(type: string): InventoryObject['kind'] | null {
  return kinds[type] ?? null;
}

const kinds: Readonly<Record<string, InventoryObject['kind']>> = {
  Datacenter: 'datacenter',
  Folder: 'folder',
  StoragePod: 'folder',
  ClusterComputeResource: 'cluster',
  HostSystem: 'host',
  ResourcePool: 'resource-pool',
  VirtualApp: 'resource-pool',
  Network: 'network',
  OpaqueNetwork: 'network',
  DistributedVirtualPortgroup: 'network',
  Datastore: 'storage',
  VirtualMachine: 'vm',
};
