/** Which objects a filter is about: the roots of its object specs, and what traversals reach from them. */
import { invalidArgument, notFound, VimFault } from '../soap/fault.ts';
import { isSubtype, managed } from '../schema/types.ts';
import type { Session } from '../session/sessions.ts';
import { readProperty, type ManagedObject } from '../store/store.ts';
import { asData, asList, asRef, asText, isRef, type Data } from '../values.ts';
import { findObject, type World } from '../world.ts';

type Selection = {
  readonly world: World;
  readonly session: Session;
  /** By name, for selection specs that only name one. */
  readonly named: ReadonlyMap<string, Data>;
  readonly found: Map<string, ManagedObject>;
  /** Object and list of specs that were walked already: circles end. */
  readonly walked: Map<string, Set<Data>>;
};

/** In the order in which they were reached, each once. */
export function select(world: World, session: Session, filter: Data): Map<string, ManagedObject> {
  const found = new Map<string, ManagedObject>();
  for (const spec of asList(filter['objectSet']).map(asData)) {
    const ref = asRef(spec?.['obj']);
    if (spec === undefined || ref === undefined) continue;
    const object = findObject(world, session, ref);
    if (object === undefined) {
      if (filter['reportMissingObjectsInResults'] === true) continue;
      throw notFound(ref);
    }
    if (spec['skip'] !== true) found.set(ref.value, object);
    walk({ world, session, named: namedSpecs(spec), found, walked: new Map() }, object, spec);
  }
  return found;
}

function walk(selection: Selection, object: ManagedObject, owner: Data): void {
  for (const given of asList(owner['selectSet']).map(asData)) {
    const spec = given?._type === 'SelectionSpec' ? selection.named.get(asText(given['name']) ?? '') : given;
    if (spec === undefined) throw invalidArgument('selectSet');
    if (isSubtype(object.ref.type, asText(spec['type']) ?? '')) follow(selection, object, spec);
  }
}

function follow(selection: Selection, object: ManagedObject, spec: Data): void {
  const { walked, found, world, session } = selection;
  const before = walked.get(object.ref.value) ?? new Set();
  if (before.has(spec)) return;
  walked.set(object.ref.value, before.add(spec));
  const value = readProperty(object, asText(spec['path']) ?? '', session.key);
  const targets = isRef(value) ? [value] : asList(value).filter(isRef);
  for (const target of targets) {
    const reached = findObject(world, session, target);
    if (reached === undefined) continue; // it went meanwhile
    if (spec['skip'] !== true) found.set(target.value, reached);
    walk(selection, reached, spec);
  }
}

function namedSpecs(owner: Data, named = new Map<string, Data>()): Map<string, Data> {
  for (const spec of asList(owner['selectSet']).map(asData)) {
    if (spec?._type !== 'TraversalSpec') continue;
    const name = asText(spec['name']);
    if (name !== undefined) named.set(name, spec);
    namedSpecs(spec, named);
  }
  return named;
}

/** What can be said of a traversal before anything is walked: its types, its paths, the names it uses. */
export function checkTraversals(owner: Data, named: ReadonlyMap<string, Data> = namedSpecs(owner)): void {
  for (const spec of asList(owner['selectSet']).map(asData)) {
    if (spec === undefined) continue;
    if (spec._type === 'SelectionSpec') {
      if (!named.has(asText(spec['name']) ?? '')) throw invalidArgument('selectSet');
      continue;
    }
    const type = asText(spec['type']) ?? '';
    if (!managed.has(type)) {
      throw new VimFault('InvalidType', `The type "${type}" is unknown`, { argument: type });
    }
    checkTraversals(spec, named);
  }
}
