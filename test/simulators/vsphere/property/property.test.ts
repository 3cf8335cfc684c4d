import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newFolder } from '../inventory/places.ts';
import { smallInventory, type Small } from '../inventory/small.ts';
import { newVm } from '../inventory/vm.ts';
import { startVsphere, type VsphereSimulator } from '../simulator.ts';
import { all, filterOf, find, given, overView, Raw, type SoapAnswer, patience } from '../testing/raw.ts';
import { asText, type Ref } from '../values.ts';

let simulator: VsphereSimulator;
let small: Small;
let raw: Raw;
let view: Ref;
beforeAll(async () => {
  simulator = await startVsphere();
  small = smallInventory(simulator.world, 250);
  raw = new Raw(simulator);
  await raw.login();
  const parameters =
    '<container type="Folder">group-d1</container><type>VirtualMachine</type><recursive>true</recursive>';
  const made = await raw.call({ type: 'ViewManager', value: 'ViewManager' }, 'CreateContainerView', parameters);
  view = { type: 'ContainerView', value: made.returned[0]?.text ?? '' };
});
afterAll(() => simulator[Symbol.asyncDispose]());

const overVms = (paths: readonly string[]): string => filterOf('VirtualMachine', paths, view, overView);
const retrieve = (filter: string, options = ''): Promise<SoapAnswer> =>
  raw.call(raw.collector(), 'RetrievePropertiesEx', `<specSet>${filter}</specSet><options>${options}</options>`);
const firstVm = (): Ref => small.vms[0] ?? { type: '', value: '' };

/** Values of one property of the first object, as XML. */
async function valueOf(path: string, object: Ref = firstVm()): Promise<string> {
  const answer = await retrieve(filterOf(object.type, [path], object));
  return /<val[\s\S]*<\/val>/.exec(answer.text)?.[0] ?? '';
}

const namedSpec = (name: string): string => `<selectSet><name>${name}</name></selectSet>`;
const walk = (name: string, type: string, path: string, next: string): string =>
  `<selectSet xsi:type="TraversalSpec"><name>${name}</name><type>${type}</type><path>${path}</path>${next}</selectSet>`;
const wait = (version: string, options: string): Promise<SoapAnswer> =>
  raw.call(raw.collector(), 'WaitForUpdatesEx', `<version>${version}</version><options>${options}</options>`);
const updatesOf = (answer: SoapAnswer): string[] =>
  all(find(answer.returned[0], 'filterSet'), 'objectSet').map(
    (update) => `${find(update, 'kind')?.text} ${find(update, 'obj')?.text}`,
  );
const changesOf = (answer: SoapAnswer): string[] =>
  all(find(answer.returned[0], 'filterSet', 'objectSet'), 'changeSet').map(
    (change) => `${find(change, 'op')?.text} ${find(change, 'name')?.text}`,
  );

const byUuid = (value: string): string =>
  `${given('datacenter', small.datacenter)}<uuid>${value}</uuid><vmSearch>true</vmSearch><instanceUuid>true</instanceUuid>`;

describe('reading', () => {
  it('comes in pages, however many are asked for', async () => {
    let answer = await retrieve(overVms(['name']), '<maxObjects>5000</maxObjects>');
    const sizes: number[] = [];
    const names = new Set<string>();
    for (;;) {
      const objects = all(answer.returned[0], 'objects');
      sizes.push(objects.length);
      for (const object of objects) names.add(find(object, 'propSet', 'val')?.text ?? '');
      const token = find(answer.returned[0], 'token')?.text;
      if (token === undefined) break;
      answer = await raw.call(raw.collector(), 'ContinueRetrievePropertiesEx', `<token>${token}</token>`);
    }
    expect(sizes).toEqual([100, 100, 50]);
    expect(names.size).toBe(250);
  });

  it('a page is told once, and a read can be given up', async () => {
    const answer = await retrieve(overVms(['name']), '<maxObjects>10</maxObjects>');
    expect(all(answer.returned[0], 'objects')).toHaveLength(10);
    const token = `<token>${find(answer.returned[0], 'token')?.text}</token>`;
    expect((await raw.call(raw.collector(), 'CancelRetrievePropertiesEx', token)).status).toBe(200);
    const gone = await raw.call(raw.collector(), 'ContinueRetrievePropertiesEx', token);
    expect(gone).toMatchObject({ fault: 'InvalidArgument' });
  });

  it('values say their types', async () => {
    expect(await valueOf('name')).toBe('<val xsi:type="xsd:string">vm-00001</val>');
    expect(await valueOf('runtime.powerState')).toBe('<val xsi:type="VirtualMachinePowerState">poweredOff</val>');
    expect(await valueOf('config.hardware.memoryMB')).toBe('<val xsi:type="xsd:int">2048</val>');
    expect(await valueOf('summary.storage.committed')).toBe('<val xsi:type="xsd:long">2048</val>');
    expect(await valueOf('config.hardware.device[2000].capacityInKB')).toBe('<val xsi:type="xsd:long">16777216</val>');
    expect(await valueOf('config.extraConfig["nvram"].value')).toBe('<val xsi:type="xsd:string">vm-00001.nvram</val>');
    expect(await valueOf('resourcePool')).toBe(
      `<val type="ResourcePool" xsi:type="ManagedObjectReference">${small.pool.value}</val>`,
    );
    const devices = await valueOf('config.hardware.device');
    expect(devices).toContain('<val xsi:type="ArrayOfVirtualDevice"><VirtualDevice xsi:type="VirtualIDEController">');
    expect(devices).toContain('<backing xsi:type="VirtualDiskFlatVer2BackingInfo">');
    expect(await valueOf('recentTask')).toBe('<val xsi:type="ArrayOfManagedObjectReference"></val>');
    expect(await valueOf('snapshot')).toBe('');
  });

  it('what may not be read is missing, with the reason', async () => {
    const hidden = small.vms[1] ?? firstVm();
    simulator.hide(hidden, 'config');
    const answer = await retrieve(filterOf('VirtualMachine', ['name', 'config.uuid'], hidden));
    const [object] = all(answer.returned[0], 'objects');
    expect(all(object, 'propSet').map((set) => find(set, 'name')?.text)).toEqual(['name']);
    expect(find(object, 'missingSet', 'path')?.text).toBe('config.uuid');
    expect(find(object, 'missingSet', 'fault', 'fault')?.attributes.get('xsi:type')).toBe('NoPermission');
  });

  it('walks by named traversals, in circles too', async () => {
    const traversal =
      walk('folders', 'Folder', 'childEntity', namedSpec('folders') + namedSpec('vmFolders')) +
      walk('vmFolders', 'Datacenter', 'vmFolder', namedSpec('folders'));
    const filter = filterOf('VirtualMachine', ['name'], { type: 'Folder', value: 'group-d1' }, traversal);
    const answer = await retrieve(filter, '<maxObjects>3</maxObjects>');
    expect(all(answer.returned[0], 'objects')).toHaveLength(3);
    const unknown = traversal.replace(namedSpec('vmFolders'), namedSpec('nowhere'));
    const broken = filterOf('VirtualMachine', ['name'], { type: 'Folder', value: 'group-d1' }, unknown);
    expect(await retrieve(broken)).toMatchObject({ fault: 'InvalidArgument' });
  });
});

describe('following', () => {
  it('tells everything in pieces, then each change, and nothing twice', async () => {
    const filter = `<spec>${overVms(['name', 'runtime.powerState', 'config.hardware.device'])}</spec><partialUpdates>true</partialUpdates>`;
    const made = await raw.call(raw.collector(), 'CreateFilter', filter);
    expect(made.status).toBe(200);
    let version = '';
    const seen: string[] = [];
    for (;;) {
      const answer = await wait(version, '<maxObjectUpdates>60</maxObjectUpdates>');
      version = find(answer.returned[0], 'version')?.text ?? '';
      seen.push(...updatesOf(answer));
      if (find(answer.returned[0], 'truncated')?.text !== 'true') break;
    }
    expect(new Set(seen).size).toBe(250);
    expect(seen.every((update) => update.startsWith('enter '))).toBe(true);
    const idle = await wait(version, '<maxWaitSeconds>0</maxWaitSeconds>');
    expect(idle).toMatchObject({ status: 200, returned: [] });

    const waiting = wait(version, '<maxWaitSeconds>20</maxWaitSeconds>');
    simulator.world.store.set(firstVm(), 'config.hardware.device[2000].backing.diskMode', 'independent_persistent');
    const changed = await waiting;
    expect(updatesOf(changed)).toEqual([`modify ${firstVm().value}`]);
    expect(changesOf(changed)).toEqual(['assign config.hardware.device[2000].backing.diskMode']);
    expect(await wait(version, '')).toMatchObject({ fault: 'InvalidCollectorVersion' });

    version = find(changed.returned[0], 'version')?.text ?? '';
    const folder = newFolder(simulator.world, 'New', small.vmFolder);
    const host = small.hosts[0] ?? firstVm();
    const vm = newVm(simulator.world, { name: 'late', folder, pool: small.pool, host });
    const entered = await wait(version, '');
    expect(updatesOf(entered)).toEqual([`enter ${vm.value}`]);
    version = find(entered.returned[0], 'version')?.text ?? '';
    expect(await raw.task(vm, 'Destroy_Task')).toMatchObject({ state: 'success' });
    const left = await wait(version, '');
    expect(updatesOf(left)).toEqual([`leave ${vm.value}`]);

    version = find(left.returned[0], 'version')?.text ?? '';
    const canceled = wait(version, '');
    await expect.poll(() => simulator.world.sessions.all()[0]?.busy, patience).toBe(1);
    await raw.call(raw.collector(), 'CancelWaitForUpdates');
    expect(await canceled).toMatchObject({ fault: 'RequestCanceled' });
    const ref = { type: 'PropertyFilter', value: made.returned[0]?.text ?? '' };
    expect((await raw.call(ref, 'DestroyPropertyFilter')).status).toBe(200);
    expect(await raw.call(ref, 'DestroyPropertyFilter')).toMatchObject({ fault: 'ManagedObjectNotFound' });
  });

  it('without partial updates the whole property comes', async () => {
    const filter = filterOf('VirtualMachine', ['config.hardware'], firstVm());
    const parameters = `<spec>${filter}</spec><partialUpdates>false</partialUpdates>`;
    const made = await raw.call(raw.collector(), 'CreateFilter', parameters);
    const first = await wait('', '');
    simulator.world.store.set(firstVm(), 'config.hardware.numCPU', 8);
    const answer = await wait(find(first.returned[0], 'version')?.text ?? '', '');
    expect(changesOf(answer)).toEqual(['assign config.hardware']);
    await raw.call({ type: 'PropertyFilter', value: made.returned[0]?.text ?? '' }, 'DestroyPropertyFilter');
  });

  it('a collector of one’s own is apart from the others', async () => {
    const made = await raw.call(raw.collector(), 'CreatePropertyCollector');
    const own = { type: 'PropertyCollector', value: made.returned[0]?.text ?? '' };
    const filter = `<spec>${filterOf('VirtualMachine', ['name'], firstVm())}</spec><partialUpdates>true</partialUpdates>`;
    await raw.call(own, 'CreateFilter', filter);
    expect(updatesOf(await raw.call(own, 'WaitForUpdatesEx', '<options/>'))).toEqual([`enter ${firstVm().value}`]);
    expect((await wait('', '<maxWaitSeconds>0</maxWaitSeconds>')).returned).toEqual([]);
    expect((await raw.call(own, 'DestroyPropertyCollector')).status).toBe(200);
  });
});

describe('finding', () => {
  const index = { type: 'SearchIndex', value: 'SearchIndex' };
  it('by path and by UUID', async () => {
    const path = '<inventoryPath>DC0/vm/vm-00001</inventoryPath>';
    expect((await raw.call(index, 'FindByInventoryPath', path)).returned[0]?.text).toBe(firstVm().value);
    expect((await raw.call(index, 'FindByInventoryPath', '<inventoryPath>DC0/x</inventoryPath>')).returned).toEqual([]);
    const uuid = asText(simulator.world.store.read(firstVm(), 'config.instanceUuid')) ?? '';
    expect((await raw.call(index, 'FindByUuid', byUuid(uuid))).returned[0]?.text).toBe(firstVm().value);
    expect((await raw.call(index, 'FindByUuid', byUuid('none'))).returned).toEqual([]);
  });
});
