/** Fields that rules alone can ask for: they are about what a VM uses, and are not kept with it. */
import type { Field, Plain, Subject } from './field.ts';

function ruleField(
  name: string,
  type: Field['type'],
  doc: string,
  of: (context: NonNullable<Subject['context']>, vm: Subject['vm']) => readonly (Plain | null | undefined)[],
): Field {
  return {
    name,
    type,
    values: [],
    many: true,
    doc,
    place: null,
    of: ({ vm, context }) => (context === undefined ? [] : of(context, vm).filter(present)),
  };
}

function storagesOf({ storages }: NonNullable<Subject['context']>, vm: Subject['vm']) {
  return vm.data.disks.flatMap(({ storageRef }) => {
    const storage = storageRef === null ? undefined : storages?.get(storageRef);
    return storage === undefined ? [] : [storage];
  });
}

function present(one: Plain | null | undefined): one is Plain {
  return one !== null && one !== undefined;
}

export const ruleFields: readonly Field[] = [
  ruleField('host.maintenance', 'boolean', 'its host is in maintenance mode', ({ host }) => [host?.maintenance]),
  ruleField('host.connection', 'text', 'whether its provider has a hold of its host', ({ host }) => [host?.connection]),
  ruleField('storage.type', 'text', 'type of the storage of a disk', (context, vm) =>
    storagesOf(context, vm).map(({ type }) => type),
  ),
  ruleField('storage.free', 'size', 'what is free on the storage of a disk', (context, vm) =>
    storagesOf(context, vm).map(({ freeBytes }) => freeBytes),
  ),
  ruleField('storage.accessible', 'boolean', 'whether the storage of a disk can be reached', (context, vm) =>
    storagesOf(context, vm).map(({ accessible }) => accessible),
  ),
  ruleField('shared.with', 'text', 'other VMs that have the same disk', ({ sharedWith }, vm) =>
    vm.data.disks.flatMap(({ id }) => sharedWith?.get(id) ?? []),
  ),
];
