/**
 * What is read of each kind of object, and what is followed. All of these exist from vSphere 6.5 on: one unknown path would
 * fail the whole call.
 */
import { vim, type ManagedName, type Ref, type VimInput } from '../vim25/schema.ts';

/** Everything but VMs: few, and all of them are kept, because VMs are told about in their names. */
const place = ['name', 'parent'];
export const placeProperties = {
  Folder: place,
  StoragePod: place,
  Datacenter: place,
  ComputeResource: place,
  ClusterComputeResource: [
    ...place,
    'configurationEx.dasConfig',
    'configurationEx.drsConfig',
    'configurationEx.dpmConfigInfo',
    'configurationEx.rule',
    'configurationEx.group',
  ],
  HostSystem: [
    ...place,
    'runtime.connectionState',
    'runtime.powerState',
    'runtime.inMaintenanceMode',
    'summary.hardware',
    'summary.config.product',
    'config.network.portgroup',
  ],
  ResourcePool: place,
  VirtualApp: place,
  Network: [...place, 'summary'],
  OpaqueNetwork: [...place, 'summary'],
  DistributedVirtualPortgroup: [...place, 'key', 'config.defaultPortConfig'],
  Datastore: [...place, 'summary', 'info'],
} as const satisfies Partial<Record<ManagedName, readonly string[]>>;
export type PlaceName = keyof typeof placeProperties;

export const vmProperties = [
  'name',
  'parent',
  'parentVApp',
  'runtime.powerState',
  'runtime.connectionState',
  'runtime.host',
  'runtime.question',
  'runtime.consolidationNeeded',
  'runtime.faultToleranceState',
  'config.template',
  'config.uuid',
  'config.instanceUuid',
  'config.version',
  'config.guestId',
  'config.guestFullName',
  'config.annotation',
  'config.firmware',
  'config.bootOptions',
  'config.changeVersion',
  'config.changeTrackingEnabled',
  'config.hardware',
  'config.extraConfig',
  'config.cpuAffinity',
  'config.cpuHotAddEnabled',
  'config.cpuHotRemoveEnabled',
  'config.memoryHotAddEnabled',
  'config.nestedHVEnabled',
  'config.vAppConfig',
  'config.latencySensitivity',
  'config.keyId',
  'guest.hostName',
  'guest.ipAddress',
  'guest.net',
  'guest.disk',
  'guest.toolsRunningStatus',
  'guest.toolsVersionStatus2',
  'snapshot',
  'layoutEx',
] as const;

/**
 * What says that something else has to be read again. Much of a VM changes all the time (free space in the guest, load): that is
 * not followed, so that a provider where nothing happens is quiet.
 */
const followedPlaces: Record<PlaceName, readonly string[]> = {
  ...placeProperties,
  HostSystem: [...place, 'runtime.connectionState', 'runtime.powerState', 'runtime.inMaintenanceMode'],
  Datastore: [...place, 'summary.accessible', 'summary.capacity', 'summary.freeSpace', 'summary.url'],
  Network: place,
  OpaqueNetwork: place,
};
const followedOfVm = [
  'name',
  'parent',
  'runtime.powerState',
  'runtime.connectionState',
  'runtime.host',
  'runtime.question',
  'runtime.consolidationNeeded',
  // With each change of the configuration it is another one.
  'config.changeVersion',
  'config.template',
  'guest.toolsRunningStatus',
  'guest.ipAddress',
  'snapshot',
] as const;

/** Of one kind of object; nothing of a kind that is not ours. */
export function followedOf(type: string): readonly string[] {
  if (type === 'VirtualMachine') return followedOfVm;
  return Object.hasOwn(followedPlaces, type) ? followedPlaces[type as PlaceName] : [];
}

export const placeNames = Object.keys(placeProperties) as readonly PlaceName[];

const fromView = vim('TraversalSpec', { name: 'view', type: 'ContainerView', path: 'view', skip: false });

/** All places in a view of them. */
export function placesIn(view: Ref): VimInput<'PropertyFilterSpec'> {
  return { propSet: placeSpecs(placeProperties), objectSet: [{ obj: view, skip: true, selectSet: [fromView] }] };
}

/** All VMs in a view of them. */
export function vmsIn(view: Ref): VimInput<'PropertyFilterSpec'> {
  return { propSet: [vmSpec(vmProperties)], objectSet: [{ obj: view, skip: true, selectSet: [fromView] }] };
}

/** All VMs in a view of them, by nothing but their names. */
export function vmNamesIn(view: Ref): VimInput<'PropertyFilterSpec'> {
  return { propSet: [vmSpec(['name'])], objectSet: [{ obj: view, skip: true, selectSet: [fromView] }] };
}

/** These objects, whatever they are. */
export function theseObjects(refs: readonly Ref[]): VimInput<'PropertyFilterSpec'> {
  const types = new Set(refs.map(({ type }) => type));
  const propSet = [...placeSpecs(placeProperties), vmSpec(vmProperties)].filter(({ type }) => types.has(type));
  return { propSet, objectSet: refs.map((obj) => ({ obj, skip: false })), reportMissingObjectsInResults: true };
}

/** Changes of everything in these views. */
export function changesIn(views: readonly Ref[]): VimInput<'PropertyFilterSpec'> {
  return {
    propSet: [...placeSpecs(followedPlaces), vmSpec(followedOfVm)],
    objectSet: views.map((obj) => ({ obj, skip: true, selectSet: [fromView] })),
  };
}

function placeSpecs(paths: Readonly<Record<PlaceName, readonly string[]>>): VimInput<'PropertySpec'>[] {
  return placeNames.map((type) => ({ type, all: false, pathSet: paths[type] }));
}

function vmSpec(pathSet: readonly string[]): VimInput<'PropertySpec'> {
  return { type: 'VirtualMachine', all: false, pathSet };
}
