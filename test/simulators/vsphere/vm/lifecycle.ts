/** VMs and folders that come, go, move and change their names. */
import { attachDisks, applySpec } from './reconfigure.ts';
import { checkReachable, disksOf, fileOf, keyOfDevice, mirrorSummary, powerOf, setPower } from './vm.ts';
import { newVm } from '../inventory/vm.ts';
import { isSubtype } from '../schema/types.ts';
import { invalidArgument, invalidPowerState, notFound, notSupported, VimFault } from '../soap/fault.ts';
import { asData, asNumber, asRef, asRefs, asText, isData, refOf, type Ref, type Value } from '../values.ts';
import { answer, nothing, type Answer, type Handler, type World } from '../world.ts';

export const lifecycle: Record<string, Handler> = {
  CreateVM_Task(call) {
    const { world, self, args } = call;
    const config = asData(args['config']);
    const name = asText(config?.['name']) ?? '';
    if (config === undefined || name === '') throw invalidArgument('config.name');
    checkName(world, self.ref, name);
    const pool = asRef(args['pool']);
    const host = asRef(args['host']) ?? hostOf(world, pool);
    if (pool === undefined || host === undefined) throw invalidArgument('pool');
    return world.tasks.start(call, {
      entity: self.ref,
      exclusive: false,
      run() {
        const made = newVm(world, {
          name,
          folder: self.ref,
          pool,
          host,
          ...(typeof config['memoryMB'] === 'number' ? { memoryMb: config['memoryMB'] } : {}),
          ...(typeof config['numCPUs'] === 'number' ? { cpus: config['numCPUs'] } : {}),
          disks: [],
          nics: [],
        });
        applySpec(world, made, config);
        return made;
      },
    });
  },

  CloneVM_Task(call) {
    const { world, self, args } = call;
    const folder = asRef(args['folder']);
    const name = asText(args['name']) ?? '';
    if (folder === undefined || world.store.find(folder) === undefined) throw notFound(folder ?? refOf('Folder', ''));
    checkName(world, folder, name);
    checkReachable(world, self.ref);
    return world.tasks.start(call, {
      entity: self.ref,
      run: () => cloneVm(world, self.ref, folder, name, asData(args['spec'])?.['template'] === true),
    });
  },

  Rename_Task(call) {
    const { world, self, args } = call;
    const name = asText(args['newName']) ?? '';
    const parent = asRef(world.store.read(self.ref, 'parent'));
    if (parent !== undefined) checkName(world, parent, name);
    return world.tasks.start(call, {
      entity: self.ref,
      run() {
        world.store.set(self.ref, 'name', name);
        if (self.ref.type !== 'VirtualMachine') return undefined;
        world.store.set(self.ref, 'config.name', name);
        mirrorSummary(world.store, self.ref);
        return undefined;
      },
    });
  },

  Destroy_Task(call) {
    const { world, self } = call;
    if (self.ref.type === 'VirtualMachine') {
      checkReachable(world, self.ref);
      const power = powerOf(world.store, self.ref);
      if (power !== 'poweredOff') throw invalidPowerState('poweredOff', power);
    } else if (self.ref.type !== 'Folder') throw notSupported();
    return world.tasks.start(call, { entity: self.ref, run: () => removeEntity(world, self.ref) });
  },

  UnregisterVM({ world, self }) {
    const power = powerOf(world.store, self.ref);
    if (power !== 'poweredOff') throw invalidPowerState('poweredOff', power);
    removeEntity(world, self.ref);
    return nothing;
  },

  CreateFolder({ world, self, args }) {
    const name = asText(args['name']) ?? '';
    checkName(world, self.ref, name);
    const ref = refOf('Folder', world.newId('group-v'));
    const childType = world.store.read(self.ref, 'childType');
    const properties = new Map<string, Value>([
      ['name', name],
      ['parent', self.ref],
      ['childEntity', []],
      ['overallStatus', 'green'],
      ['configStatus', 'green'],
    ]);
    if (childType !== undefined) properties.set('childType', childType);
    world.store.add({ ref, properties });
    world.store.addTo(self.ref, 'childEntity', ref);
    return answer(ref);
  },

  MoveIntoFolder_Task(call) {
    const { world, self, args } = call;
    const moved = asRefs(args['list']);
    for (const ref of moved) if (world.store.find(ref) === undefined) throw notFound(ref);
    return world.tasks.start(call, {
      entity: self.ref,
      run() {
        for (const ref of moved) {
          const parent = asRef(world.store.read(ref, 'parent'));
          if (parent !== undefined) world.store.removeFrom(parent, 'childEntity', ref);
          world.store.set(ref, 'parent', self.ref);
          world.store.addTo(self.ref, 'childEntity', ref);
        }
        return undefined;
      },
    });
  },

  MigrateVM_Task(call) {
    const { world, self, args } = call;
    const host = asRef(args['host']);
    if (host === undefined || world.store.find(host) === undefined) throw invalidArgument('host');
    checkReachable(world, self.ref);
    return world.tasks.start(call, {
      entity: self.ref,
      run() {
        const old = asRef(world.store.read(self.ref, 'runtime.host'));
        if (old !== undefined) world.store.removeFrom(old, 'vm', self.ref);
        world.store.addTo(host, 'vm', self.ref);
        world.store.set(self.ref, 'runtime.host', host);
        setPower(world, self.ref, powerOf(world.store, self.ref));
        return undefined;
      },
    });
  },

  MarkAsTemplate({ world, self }) {
    const power = powerOf(world.store, self.ref);
    if (power !== 'poweredOff') throw invalidPowerState('poweredOff', power);
    return markTemplate(world, self.ref, true, undefined);
  },

  MarkAsVirtualMachine({ world, self, args }) {
    const pool = asRef(args['pool']);
    if (pool === undefined || world.store.find(pool) === undefined) throw invalidArgument('pool');
    return markTemplate(world, self.ref, false, pool);
  },
};

/** A template belongs to no resource pool. */
function markTemplate({ store }: World, vm: Ref, template: boolean, pool: Ref | undefined): Answer {
  const old = asRef(store.read(vm, 'resourcePool'));
  if (old !== undefined) store.removeFrom(old, 'vm', vm);
  store.set(vm, 'config.template', template);
  store.set(vm, 'resourcePool', pool);
  if (pool !== undefined) store.addTo(pool, 'vm', vm);
  mirrorSummary(store, vm);
  return nothing;
}

function checkName({ store }: World, parent: Ref, name: string): void {
  // 80 characters are vCenter's limit; a slash has to come as %2f.
  if (name === '' || name.length > 80 || /[/\\]/.test(name)) {
    throw new VimFault('InvalidName', `The name '${name}' is invalid.`, { name });
  }
  const same = asRefs(store.read(parent, 'childEntity')).find((child) => store.read(child, 'name') === name);
  if (same !== undefined) {
    throw new VimFault('DuplicateName', `The name '${name}' already exists.`, { name, object: same });
  }
}

function hostOf({ store }: World, pool: Ref | undefined): Ref | undefined {
  const owner = pool === undefined ? undefined : asRef(store.read(pool, 'owner'));
  return owner === undefined ? undefined : asRefs(store.read(owner, 'host'))[0];
}

async function cloneVm(world: World, vm: Ref, folder: Ref, name: string, template: boolean): Promise<Ref> {
  const { store, disks } = world;
  const pool = asRef(store.read(vm, 'resourcePool')) ?? anyPool(world);
  const host = asRef(store.read(vm, 'runtime.host'));
  if (pool === undefined || host === undefined) throw invalidArgument('spec.location.pool');
  const made = newVm(world, { name, folder, pool, host, disks: [], nics: [] });
  const config = asData(store.read(vm, 'config'));
  const devices = config?.['hardware'];
  if (config === undefined || !isData(devices)) return made;
  const own = asData(store.read(made, 'config')) ?? config;
  store.set(made, 'config', {
    ...config,
    name,
    template,
    uuid: own['uuid'],
    instanceUuid: own['instanceUuid'],
    files: own['files'],
  });
  for (const disk of disksOf(store, vm)) {
    const key = keyOfDevice(disk);
    const from = disks.find(vm, key)?.live;
    const path = fileOf(disk).replace(/\] .*/, `] ${name}/${name}_${key}.vmdk`);
    store.set(made, `config.hardware.device[${key}].backing.fileName`, path);
    store.set(made, `config.hardware.device[${key}].backing.parent`, undefined);
    store.set(made, `config.hardware.device[${key}].backing.changeId`, undefined);
    const to = disks.base(path, from?.sizeBytes ?? asNumber(disk['capacityInBytes']) ?? 0);
    for (const block of from?.allocated() ?? []) {
      const start = block * 65_536;
      await to.write(start, await (from ?? to).read(start, Math.min(65_536, to.sizeBytes - start)));
    }
  }
  attachDisks(world, made);
  mirrorSummary(store, made);
  return made;
}

const anyPool = ({ store }: World): Ref | undefined => store.ofType('ResourcePool')[0]?.ref;

/** With what it contains; a VM's disks and snapshots go with it. */
export function removeEntity(world: World, ref: Ref): undefined {
  const { store } = world;
  for (const child of asRefs(store.read(ref, 'childEntity'))) removeEntity(world, child);
  const holders: Array<[Ref | undefined, string]> = [
    [asRef(store.read(ref, 'parent')), 'childEntity'],
    [asRef(store.read(ref, 'resourcePool')), 'vm'],
    [asRef(store.read(ref, 'runtime.host')), 'vm'],
    ...asRefs(store.read(ref, 'datastore')).map((datastore): [Ref, string] => [datastore, 'vm']),
    ...asRefs(store.read(ref, 'network')).map((network): [Ref, string] => [network, 'vm']),
  ];
  for (const [holder, property] of holders) if (holder !== undefined) store.removeFrom(holder, property, ref);
  if (isSubtype(ref.type, 'VirtualMachine')) {
    for (const disk of disksOf(store, ref)) world.disks.detach(ref, keyOfDevice(disk));
  }
  store.remove(ref);
  return undefined;
}
