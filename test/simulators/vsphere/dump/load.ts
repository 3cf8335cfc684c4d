/**
 * The directory that `govc object.save -d` writes: one XML file per managed object, `<ObjectContent>` with its properties.
 * What the simulator knows nothing of (alarms, browsers, performance counters) is left out, as are files below the directory.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeDumped } from './decode.ts';
import { disksOf, fileOf } from '../vm/vm.ts';
import { attachDisks } from '../vm/reconfigure.ts';
import { isSubtype, managed, fieldOf } from '../schema/types.ts';
import { parseXml, type Element } from '../soap/xml.ts';
import { asData, asText, refOf, type Ref, type Value } from '../values.ts';
import type { World } from '../world.ts';
import type { Version } from '../product.ts';

const service = refOf('ServiceInstance', 'ServiceInstance');

/** Into a world with an empty inventory. The disks of its VMs are there, of their size and without content. */
export async function loadDump(world: World, directory: string): Promise<void> {
  const { store } = world;
  for (const { ref, properties } of await readObjects(directory)) {
    if (ref.type === 'ServiceInstance') {
      const about = asData(properties.get('content'))?.['about'];
      if (about !== undefined) store.set(service, 'content.about', about);
    } else if (isSubtype(ref.type, 'ManagedEntity') || ref.type === 'VirtualMachineSnapshot') {
      if (store.find(ref) === undefined) store.add({ ref, properties });
      else for (const [name, value] of properties) store.set(ref, name, value);
    }
  }
  for (const { ref } of store.ofType('VirtualMachine')) {
    if (disksOf(store, ref).every((disk) => fileOf(disk) !== '')) attachDisks(world, ref);
  }
}

/** What the dumped server was: the simulator is to be started as that. */
export async function dumpedProduct(directory: string): Promise<{ kind: 'vcenter' | 'esxi'; version: Version }> {
  const [first] = (await readObjects(directory, /^0000-/)).filter(({ ref }) => ref.type === 'ServiceInstance');
  const about = asData(asData(first?.properties.get('content'))?.['about']);
  const known: readonly Version[] = ['6.5', '6.7', '7.0', '8.0', '9.0'];
  const version = known.find((each) => (asText(about?.['version']) ?? '').startsWith(each));
  return { kind: about?.['apiType'] === 'HostAgent' ? 'esxi' : 'vcenter', version: version ?? '6.5' };
}

type Dumped = { readonly ref: Ref; readonly properties: Map<string, Value> };

async function readObjects(directory: string, only = /./): Promise<Dumped[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.xml') && only.test(name));
  const objects: Dumped[] = [];
  for (const name of names.sort()) {
    const root = parseXml(await readFile(join(directory, name), 'utf8'));
    const object = child(root, 'obj');
    const type = object?.attributes.get('type') ?? '';
    if (root.name !== 'ObjectContent' || object === undefined) throw new Error(`${name} holds no managed object`);
    if (managed.has(type)) objects.push({ ref: refOf(type, object.text.trim()), properties: propertiesOf(root, type) });
  }
  return objects;
}

function propertiesOf(root: Element, type: string): Map<string, Value> {
  const properties = new Map<string, Value>();
  for (const set of root.children.filter(({ name }) => name === 'propSet')) {
    const field = fieldOf(type, child(set, 'name')?.text ?? '');
    const value = child(set, 'val');
    const decoded = field === undefined || value === undefined ? undefined : decodeDumped(value, field.type);
    if (field !== undefined && decoded !== undefined) properties.set(field.name, decoded);
  }
  return properties;
}

const child = (element: Element, name: string): Element | undefined =>
  element.children.find((each) => each.name === name);
