import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { judgedTree } from '../../../../test/judges/xml.ts';
import { decodeAny, decodeRef, FormatError } from '../vim25/decode.ts';
import { typeAtPath } from '../vim25/schema.ts';
import { VimFault } from '../vim25/soap.ts';
import { childOf, XmlError, XmlReader, type XmlNode } from '../vim25/xml-reader.ts';
import { vmProperties } from './properties.ts';
import { ManagedProps } from './props.ts';
import { readTold, type Told } from './told.ts';

const recorded = readFileSync(new URL('../vim25/fixtures/vcsim-0.24.2-answer.xml', import.meta.url), 'utf8');

function tellOf(xml: string): Told[] {
  const reader = new XmlReader({ parent: 'returnval', name: 'objects', read: readTold }, 1);
  const bytes = Buffer.from(xml);
  const told: Told[] = [];
  for (let at = 0; at < bytes.length; at += 4_000) {
    reader.write(bytes.subarray(at, at + 4_000));
    told.push(...reader.take());
  }
  reader.close();
  return [...told, ...reader.take()];
}

const names = [...vmProperties, 'config.nonsense', 'summary', 'summary.hardware', 'info', 'config.network.portgroup'];

/** As it can be compared: values by their names, and an error by its words. */
function shown({ kind, ref, props }: Told): unknown {
  if (props instanceof FormatError) return { kind, ref, error: props.message };
  return { kind, ref, values: Object.fromEntries(names.map((name) => [name, props.get(name)])) };
}

/** The same from saxes' tree, by the decoder of short answers. */
function judgedTold(node: XmlNode): Told {
  const obj = childOf(node, 'obj');
  if (obj === undefined) throw new FormatError('an object without its reference');
  const ref = decodeRef(obj);
  const kind = childOf(node, 'kind')?.text ?? '';
  const values = new Map<string, unknown>();
  for (const property of node.children) {
    if (property.name !== 'propSet' && property.name !== 'changeSet') continue;
    const name = childOf(property, 'name')?.text ?? '';
    const val = childOf(property, 'val');
    try {
      if (val !== undefined) values.set(name, decodeAny(val, typeAtPath(ref.type, name)));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return { kind, ref, props: new FormatError(`${name}: ${error.message}`) };
    }
  }
  return { kind, ref, props: new ManagedProps(ref, values) };
}

function judged(xml: string): unknown {
  let root: XmlNode;
  try {
    root = judgedTree(xml);
  } catch {
    return 'refused';
  }
  const body = childOf(root, 'Body') ?? root;
  const answers = body.children.flatMap((response) => response.children.filter(({ name }) => name === 'returnval'));
  try {
    return answers.flatMap(({ children }) =>
      children.filter(({ name }) => name === 'objects').map((object) => shown(judgedTold(object))),
    );
  } catch (error) {
    if (error instanceof FormatError) return 'refused';
    throw error;
  }
}

function ours(xml: string): unknown {
  try {
    return tellOf(xml).map(shown);
  } catch (error) {
    if (error instanceof XmlError || error instanceof FormatError) return 'refused';
    throw error;
  }
}

test('what vcsim told is read as from a tree', () => {
  const told = tellOf(recorded);
  expect(told.map(shown)).toEqual(judged(recorded));
  const vm = told.at(-1)?.props;
  expect(vm instanceof ManagedProps && vm.get('config.hardware')).toMatchObject({
    numCPU: 1,
    _type: 'VirtualHardware',
  });
});

const put = [
  '|<x/>|<x>1</x>|-5|0|true|99999999999999999999| 7 |VirtualDisk|ArrayOfInt|xsd:int|Description|xsd:anyType|SomethingNew',
  'ManagedObjectReference|&amp;|obj|key|device|backing|<![CDATA[1]]>|<!-- 1 -->1|&#50;|ArrayOfAnyType|<key>1</key>|<device/>',
].flatMap((words) => words.split('|'));

test('so is what it might have told: words gone, others put in their place', () => {
  const start = recorded.indexOf('<objects>');
  const words = [...recorded.slice(start).matchAll(/[\w.:-]+|<\/?\w+>/g)].map(({ index, 0: word }) => ({
    at: start + index,
    word,
  }));
  const others = fc.constantFrom(...put);
  const broken = { xml: 0, value: 0 };
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(words.length - 1), others), { minLength: 1, maxLength: 3 }), (changes) => {
      let xml = recorded;
      for (const [which, other] of changes.toSorted(([a], [b]) => b - a)) {
        const { at, word } = words[which]!;
        xml = xml.slice(0, at) + other + xml.slice(at + word.length);
      }
      const expected = judged(xml);
      if (expected === 'refused') broken.xml += 1;
      else if (JSON.stringify(expected).includes('"error"')) broken.value += 1;
      expect(ours(xml)).toEqual(expected);
    }),
    { numRuns: 1_000 },
  );
  expect(broken.xml).toBeGreaterThan(10);
  expect(broken.value).toBeGreaterThan(10);
});

const vm = (properties: string): string =>
  `<r xmlns:xsi="u"><returnval><objects><obj type="VirtualMachine">vm-1</obj>${properties}</objects>` +
  '<objects><obj type="VirtualMachine">vm-2</obj></objects></returnval></r>';

test('one that cannot be read is told of, with the property, and those behind it are read', () => {
  const [first, second] = tellOf(
    vm('<propSet><name>config.template</name><val>perhaps</val></propSet><propSet><name>name</name></propSet>'),
  );
  expect(first?.ref).toEqual({ type: 'VirtualMachine', value: 'vm-1' });
  expect(first?.props).toMatchObject({ message: 'config.template: val is no boolean: "perhaps"' });
  expect(second).toMatchObject({ ref: { value: 'vm-2' } });
  expect(second?.props).toBeInstanceOf(ManagedProps);
});

const device = (key: number, label: string): string =>
  `<device xsi:type="VirtualKeyboard"><key>${key}</key><deviceInfo><label>${label}</label><summary/></deviceInfo></device>`;
const one = (n: number, template: boolean, devices: string): string =>
  `<objects><obj type="VirtualMachine">vm-${n}</obj><propSet><name>config.template</name><val>${template}</val></propSet>` +
  '<propSet><name>config.hardware</name><val xsi:type="VirtualHardware"><numCPU>1</numCPU><memoryMB>1</memoryMB>' +
  `${devices}</val></propSet></objects>`;

test('what stood in the VM before word for word is taken for the same, and nothing else is', () => {
  const [a, b, other] = [device(1, 'a'), device(2, 'b'), device(2, 'B')];
  const vms = [a + b, a + b, a + other, b + a, a, a + a + b, a + b].map((devices, n) => one(n, n === 3, devices));
  const xml = `<r xmlns:xsi="u"><Body><response><returnval>${vms.join('')}</returnval></response></Body></r>`;
  expect(ours(xml)).toEqual(judged(xml));
  expect(tellOf(xml).map(({ props }) => (props as ManagedProps).get('config.template'))).toEqual(
    vms.map((_, n) => n === 3),
  );
});

test('one without a reference is refused; a session that ended is heard of', () => {
  expect(() => tellOf('<r><returnval><objects><propSet/></objects></returnval></r>')).toThrow(FormatError);
  const missing =
    '<missingSet><path>name</path><fault><fault xsi:type="NotAuthenticated"/><localizedMessage/></fault></missingSet>';
  expect(() => tellOf(vm(missing))).toThrow(VimFault);
  expect(() => tellOf(vm(missing.replace('NotAuthenticated', 'NoPermission')))).not.toThrow();
});
