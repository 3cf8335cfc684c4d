/** Property collectors: what each keeps for the one session that uses it. */
import { Hidden } from './content.ts';
import type { Filter } from './filter.ts';
import type { ManagedObject } from '../store/store.ts';
import { refOf, type Ref } from '../values.ts';
import type { Call, World } from '../world.ts';
import type { Session } from '../session/sessions.ts';

/** A read that goes on: what was selected when it began, and how far it is. */
export type Pages = {
  readonly entries: ReadonlyArray<{ readonly object: ManagedObject; readonly paths: readonly string[] }>;
  readonly at: number;
  readonly pageSize: number;
};

export type Collector = {
  readonly ref: Ref;
  readonly pages: Map<string, Pages>;
  readonly filters: Map<string, Filter>;
  /** The version that was told last; '' before anything was. */
  version: string;
  counter: number;
  /** Ends a wait that is going on, as CancelWaitForUpdates does. */
  cancel: AbortController;
  /** Aborted when a filter came: whoever waits looks again. */
  changed: AbortController;
};

const bySession = new WeakMap<Session, Map<string, Collector>>();
const hiddenByWorld = new WeakMap<World, Hidden>();

/** The collector that is called: the one that everybody has, or one that the session made. */
export function collectorOf(call: Call & { readonly session: Session }): Collector {
  return collectorAt(call.session, call.self.ref);
}

export function collectorAt(session: Session, ref: Ref): Collector {
  const own = bySession.get(session) ?? new Map<string, Collector>();
  bySession.set(session, own);
  const found = own.get(ref.value);
  if (found !== undefined) return found;
  const made: Collector = {
    ref,
    pages: new Map(),
    filters: new Map(),
    version: '',
    counter: 0,
    cancel: new AbortController(),
    changed: new AbortController(),
  };
  own.set(ref.value, made);
  return made;
}

export function dropCollector(session: Session, ref: Ref): void {
  const collector = collectorAt(session, ref);
  collector.cancel.abort();
  for (const filter of collector.filters.values()) session.objects.delete(filter.ref.value);
  bySession.get(session)?.delete(ref.value);
  session.objects.delete(ref.value);
}

export function dropFilter(session: Session, ref: Ref): void {
  for (const collector of bySession.get(session)?.values() ?? []) collector.filters.delete(ref.value);
  session.objects.delete(ref.value);
}

export function hiddenOf(world: World): Hidden {
  const hidden = hiddenByWorld.get(world) ?? new Hidden();
  hiddenByWorld.set(world, hidden);
  return hidden;
}

export const collectorRef = (session: Session, key: string): Ref =>
  refOf('PropertyCollector', `session[${session.key}]${key}`);
