/** Two views, a property collector and a filter of our own: the server's list of what has changed since we looked. */
import type { Session } from '../session.ts';
import type { Ref } from '../vim25/schema.ts';
import { FormatError } from '../vim25/decode.ts';
import { childOf } from '../vim25/xml-reader.ts';
import { changesIn } from './properties.ts';
import type { Seen } from './seen.ts';
import { readTold, type Told } from './told.ts';

/** By reference: what is new or otherwise than before, and what is not there (or not seen) any more. */
export type Changes = { readonly changed: ReadonlyMap<string, Ref>; readonly left: ReadonlyMap<string, Ref> };

export type Trail = AsyncDisposable & {
  readonly placesView: Ref;
  readonly vmsView: Ref;
  /** To where the inventory is now. @returns what is otherwise than it was `seen`; `missing`: seen, and not told of */
  catchUp(seen: Seen, signal: AbortSignal): Promise<Changes & { readonly missing: ReadonlyMap<string, Ref> }>;
  /** Waits until something has changed. */
  next(signal: AbortSignal): Promise<Changes>;
};

/** A long poll's length: shorter than what firewalls call idle, and enough to keep the session alive. */
const waitSeconds = 60;
/** What a server may take beyond it. */
const graceMs = 45_000;
const updatesPerRound = 500;
/** Rounds of a truncated answer. 10,000 × 100 objects are more than a vCenter holds. */
const maxRounds = 10_000;
const tidyMs = 5_000;

export async function openTrail(session: Session, places: readonly string[], signal: AbortSignal): Promise<Trail> {
  const { generation } = session;
  const { viewManager, rootFolder, propertyCollector } = session.content;
  if (viewManager === undefined) throw new Error('a vSphere without views');
  const soap = session.soap;
  const view = (type: readonly string[]): Promise<Ref> =>
    soap.call('CreateContainerView', viewManager, { container: rootFolder, type, recursive: true }, { signal });
  const placesView = await view(places);
  const vmsView = await view(['VirtualMachine']);
  const collector = await soap.call('CreatePropertyCollector', propertyCollector, {}, { signal });
  const spec = changesIn([placesView, vmsView]);
  await soap.call('CreateFilter', collector, { spec, partialUpdates: false }, { signal });
  let version = '';

  /** One answer of the long poll. Its objects are not kept. */
  const round = async (
    waitFor: number,
    heard: (told: Told) => void,
    until: AbortSignal,
  ): Promise<'nothing' | 'some' | 'truncated'> => {
    const options = { maxWaitSeconds: waitFor, maxObjectUpdates: updatesPerRound };
    const updates = soap.stream(
      'WaitForUpdatesEx',
      collector,
      { version, options },
      { parent: 'filterSet', name: 'objectSet', read: readTold },
      { signal: until, idleMs: waitFor * 1000 + graceMs },
    );
    let step = await updates.next();
    for (; step.done !== true; step = await updates.next()) for (const told of step.value) heard(told);
    const set = childOf(step.value, 'returnval');
    if (set === undefined) return 'nothing';
    version = childOf(set, 'version')?.text ?? version;
    return childOf(set, 'truncated')?.text === 'true' ? 'truncated' : 'some';
  };

  return {
    placesView,
    vmsView,
    catchUp: async (seen, until) => {
      const { changed, left, see } = collect();
      const missing = seen.refs();
      const compare = ({ kind, ref, props }: Told): void => {
        missing.delete(ref.value);
        // One that cannot be read is read again, and told of then.
        if (kind !== 'enter' || props instanceof FormatError || !seen.has(props)) see({ kind, ref });
      };
      for (let count = 0; count < maxRounds; count += 1) {
        if ((await round(waitSeconds, compare, until)) !== 'truncated') break;
      }
      return { changed, left, missing };
    },
    next: async (until) => {
      const { changed, left, see } = collect();
      for (let count = 0; count < maxRounds; count += 1) {
        if ((await round(waitSeconds, see, until)) === 'some') break;
      }
      return { changed, left };
    },
    [Symbol.asyncDispose]: async () => {
      // They end with the session anyhow; this is for a connection that goes on without them.
      if (session.generation !== generation || signal.aborted) return;
      const options = { signal: AbortSignal.timeout(tidyMs), idleMs: tidyMs };
      await soap
        .call('DestroyPropertyCollector', collector, {}, options)
        .then(() => soap.call('DestroyView', placesView, {}, options))
        .then(() => soap.call('DestroyView', vmsView, {}, options))
        .catch(() => undefined);
    },
  };
}

type Collected = {
  readonly changed: Map<string, Ref>;
  readonly left: Map<string, Ref>;
  readonly see: (told: Pick<Told, 'kind' | 'ref'>) => void;
};

function collect(): Collected {
  const changed = new Map<string, Ref>();
  const left = new Map<string, Ref>();
  const see: Collected['see'] = ({ kind, ref }) => {
    const [to, from] = kind === 'leave' ? [left, changed] : [changed, left];
    from.delete(ref.value);
    to.set(ref.value, ref);
  };
  return { changed, left, see };
}
