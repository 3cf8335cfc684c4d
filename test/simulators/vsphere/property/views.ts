/** Container views: all objects of some classes below one. */
import { invalidArgument, notFound, VimFault } from '../soap/fault.ts';
import { isSubtype, managed } from '../schema/types.ts';
import type { ManagedObject, Store } from '../store/store.ts';
import { asRef, asRefs, asTexts, isRef, refOf, type Ref, type Value } from '../values.ts';
import { answer, nothing, type Handler } from '../world.ts';

export const views: Record<string, Handler> = {
  CreateContainerView({ world, session, args }) {
    const container = asRef(args['container']);
    if (container === undefined) throw invalidArgument('container');
    if (world.store.find(container) === undefined) throw notFound(container);
    if (!containers.some((type) => isSubtype(container.type, type))) throw invalidArgument('container');
    const types = asTexts(args['type']);
    for (const type of types) {
      if (!managed.has(type)) throw new VimFault('InvalidType', `The type "${type}" is unknown`, { argument: type });
    }
    const recursive = args['recursive'] === true;
    const ref = refOf('ContainerView', `session[${session.key}]${world.newId('')}`);
    const properties = new Map<string, Value>([
      ['container', container],
      ['type', types],
      ['recursive', recursive],
    ]);
    const view = (): Value => contained(world.store, container, types, recursive);
    session.objects.set(ref.value, { ref, properties, computed: { view } });
    return answer(ref);
  },

  DestroyView({ session, self }) {
    session.objects.delete(self.ref.value);
    return nothing;
  },
};

const containers = ['Folder', 'Datacenter', 'ComputeResource', 'ResourcePool', 'HostSystem'];

/** Properties that lead downwards. */
const downwards = [
  'childEntity',
  'vmFolder',
  'hostFolder',
  'datastoreFolder',
  'networkFolder',
  'host',
  'resourcePool',
  'vm',
] as const;

function contained(store: Store, container: Ref, types: readonly string[], recursive: boolean): Ref[] {
  const found = new Map<string, Ref>();
  const open = [store.find(container)];
  const walked = new Set<string>();
  for (let object = open.pop(); object !== undefined; object = open.pop()) {
    if (walked.has(object.ref.value)) continue;
    walked.add(object.ref.value);
    for (const child of children(store, object)) {
      if (types.length === 0 || types.some((type) => isSubtype(child.ref.type, type))) {
        found.set(child.ref.value, child.ref);
      }
      if (recursive) open.push(child);
    }
  }
  return [...found.values()];
}

function children(store: Store, object: ManagedObject): ManagedObject[] {
  // Networks and datastores point to hosts and VMs that others contain.
  if (isSubtype(object.ref.type, 'Network') || isSubtype(object.ref.type, 'Datastore')) return [];
  return downwards.flatMap((name) => {
    const value = object.properties.get(name);
    const refs = isRef(value) ? [value] : asRefs(value);
    return refs.map((ref) => store.find(ref)).filter((child) => child !== undefined);
  });
}
