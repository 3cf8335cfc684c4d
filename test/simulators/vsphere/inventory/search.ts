/** SearchIndex: objects by their path, their UUID, their name in a folder. */
import { notFound } from '../soap/fault.ts';
import type { Store } from '../store/store.ts';
import { asRef, asRefs, asText, isRef, sameRef, type Ref } from '../values.ts';
import { answer, type Handler } from '../world.ts';

export const search: Record<string, Handler> = {
  FindByInventoryPath({ world: { store }, args }) {
    const names = (asText(args['inventoryPath']) ?? '').split('/').filter((name) => name !== '');
    let at: Ref | undefined = store.ofType('Folder').find(({ properties }) => !properties.has('parent'))?.ref;
    for (const name of names) at = at === undefined ? undefined : childNamed(store, at, name);
    return answer(at);
  },

  FindChild({ world: { store }, args }) {
    const entity = asRef(args['entity']);
    if (entity === undefined || store.find(entity) === undefined) throw notFound(entity ?? { type: '', value: '' });
    return answer(childNamed(store, entity, asText(args['name']) ?? ''));
  },

  FindByUuid: ({ world, args }) => answer(byUuid(world.store, args)[0]),
  FindAllByUuid: ({ world, args }) => answer(byUuid(world.store, args)),
};

/** Names hold `%2f` for a slash, in the inventory and in paths alike. */
function childNamed(store: Store, parent: Ref, name: string): Ref | undefined {
  const down = ['childEntity', 'vmFolder', 'hostFolder', 'datastoreFolder', 'networkFolder', 'host', 'resourcePool'];
  const children = down.flatMap((property) => {
    const value = store.read(parent, property);
    return isRef(value) ? [value] : asRefs(value);
  });
  return children.find((child) => store.read(child, 'name') === name);
}

function byUuid(store: Store, args: Parameters<Handler>[0]['args']): Ref[] {
  const datacenter = asRef(args['datacenter']);
  if (datacenter !== undefined && store.find(datacenter) === undefined) throw notFound(datacenter);
  const vms = args['vmSearch'] === true;
  const field = !vms
    ? 'hardware.systemInfo.uuid'
    : args['instanceUuid'] === true
      ? 'config.instanceUuid'
      : 'config.uuid';
  return store
    .ofType(vms ? 'VirtualMachine' : 'HostSystem')
    .filter(({ ref }) => store.read(ref, field) === args['uuid'])
    .filter(({ ref }) => datacenter === undefined || isBelow(store, ref, datacenter))
    .map(({ ref }) => ref);
}

function isBelow(store: Store, ref: Ref, ancestor: Ref): boolean {
  for (let at = asRef(store.read(ref, 'parent')); at !== undefined; at = asRef(store.read(at, 'parent'))) {
    if (sameRef(at, ancestor)) return true;
  }
  return false;
}
