import { describe, expect, test } from 'vitest';
import { decodeAny, decodeObject, decodeParameters, FormatError } from './decode.ts';
import { Any, encodeCall, encodeNamed, encodeObject, encodeResult } from './encode.ts';
import { isA, isTypeName, managed, methods, readNotation, typeAtPath, types, vim, type Vim } from './schema.ts';
import { treeOf, XmlError, XmlReader, type Split, type XmlNode } from './xml-reader.ts';

const xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"';

function read(xml: string | Buffer, split: Split<XmlNode> | null = null): { root: XmlNode; split: readonly XmlNode[] } {
  const reader = new XmlReader(split, 1);
  const found: XmlNode[] = [];
  const bytes = Buffer.from(xml);
  // Byte by byte: nothing may depend on where a chunk ends.
  for (let at = 0; at < bytes.length; at += 1) {
    reader.write(bytes.subarray(at, at + 1));
    found.push(...reader.take());
  }
  const root = reader.close();
  return { root, split: [...found, ...reader.take()] };
}

const disk = (backing: string): string =>
  `<device ${xsi} xsi:type="VirtualDisk"><key>2000</key><backing ${backing}</backing>` +
  '<controllerKey>1000</controllerKey><unitNumber>0</unitNumber><news><of>tomorrow</of></news>' +
  '<capacityInKB>4</capacityInKB><capacityInBytes>4096</capacityInBytes></device>';

const any = (inner: string): unknown => decodeAny(read(`<r ${xsi} xmlns:X="u">${inner}</r>`).root.children[0]!);

const spec = (inner: string): XmlNode => read(`<spec>${inner}</spec>`).root;

const strict = (inner: string) => () => decodeObject(spec(inner), 'PropertySpec', 'strict');

describe('the table', () => {
  const notations = [
    ...Object.values(types).flatMap((type) => Object.values(type.fields)),
    ...Object.values(managed).flatMap((type) => Object.values(type.properties)),
    ...Object.values(methods).flatMap((method) => [...Object.values(method.params), method.returns]),
  ].filter((notation) => notation !== '');
  const scalars = ['string', 'boolean', 'byte', 'short', 'int', 'long', 'double', 'dateTime', 'any'];

  test('names only what it has', () => {
    const unknown = notations
      .map((notation) => readNotation(notation).name)
      .filter((name) => !name.startsWith('&') && !isTypeName(name) && !scalars.includes(name));
    expect(unknown).toEqual([]);
  });

  test('finds the notation at a path through bases and data types', () => {
    expect(typeAtPath('VirtualMachine', 'name')).toBe('string');
    expect(typeAtPath('VirtualMachine', 'config.hardware.device')).toBe('VirtualDevice[]');
    expect(typeAtPath('ClusterComputeResource', 'configurationEx.drsConfig.enabled')).toBe('boolean?');
    expect(typeAtPath('VirtualMachine', 'config.nonsense')).toBeNull();
    expect(typeAtPath('VirtualMachine', 'constructor')).toBeNull();
  });
});

describe('decoding', () => {
  test('reads a subtype as itself, with its bases’ fields, and skips what it does not know', () => {
    const { root } = read(
      disk('xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>[a] b.vmdk</fileName><diskMode>persistent</diskMode>'),
    );
    const device = decodeObject(root, 'VirtualDevice');
    expect(isA(device, 'VirtualDisk') && device.capacityInBytes).toBe(4096);
    expect(isA(device.backing, 'VirtualDiskFlatVer2BackingInfo') && device.backing.diskMode).toBe('persistent');
    expect(device).not.toHaveProperty('news');
    expect((device as Vim<'VirtualDisk'>).iofilter).toEqual([]);
  });

  test('an unknown subtype is read as its declared type and keeps its name', () => {
    const { root } = read(disk('xsi:type="VirtualDiskOfTheFuture"><fileName>x</fileName>'));
    const device = decodeObject(root, 'VirtualDevice');
    expect(device.backing?._type).toBe('VirtualDiskOfTheFuture');
    expect(isA(device.backing, 'VirtualDeviceFileBackingInfo')).toBe(false);
    expect(() => decodeObject(root, 'VirtualDevice', 'strict')).toThrow(FormatError);
  });

  test('names what is missing or not what it should be', () => {
    expect(() => decodeObject(read('<d><unitNumber>1</unitNumber></d>').root, 'VirtualDevice')).toThrow(
      'VirtualDevice.key is missing',
    );
    for (const text of ['x', '', '1.5', '99999999999999999999', '1e3', '0x10']) {
      expect(() => decodeObject(read(`<d><key>${text}</key></d>`).root, 'VirtualDevice')).toThrow(FormatError);
    }
  });

  test('reads values that carry their own type, under any prefix', () => {
    expect(any('<v xsi:type="xsd:string"> a </v>')).toBe(' a ');
    expect(any('<v XMLSchema-instance:type="xsd:long">12</v>'.replace('XMLSchema-instance', 'X'))).toBe(12);
    expect(any('<v xsi:type="VirtualMachinePowerState">poweredOn</v>')).toBe('poweredOn');
    expect(any('<v type="HostSystem" xsi:type="ManagedObjectReference">host-1</v>')).toEqual({
      type: 'HostSystem',
      value: 'host-1',
    });
    expect(any('<v xsi:type="ArrayOfInt"><int>1</int><int>2</int></v>')).toEqual([1, 2]);
    expect(
      any(
        '<v xsi:type="ArrayOfOptionValue"><OptionValue><key>a</key><value xsi:type="xsd:boolean">1</value></OptionValue></v>',
      ),
    ).toEqual([{ _type: 'OptionValue', key: 'a', value: true }]);
    expect(any('<v xsi:type="SomethingNew"><a>1</a></v>')).toEqual({ _type: 'SomethingNew' });
  });

  test('strict: refuses what is unknown, doubled, or out of order', () => {
    expect(strict('<type>VirtualMachine</type><all>false</all><pathSet>name</pathSet>')).not.toThrow();
    expect(strict('<type>VirtualMachine</type><pathSet>name</pathSet><all>false</all>')).toThrow('too late');
    expect(strict('<type>V</type><type>W</type>')).toThrow('twice');
    expect(strict('<type>V</type><wrong>1</wrong>')).toThrow('has no wrong');
  });
});

describe('encoding', () => {
  test('writes in the protocol’s order whatever the order of the keys, and only types where they differ', () => {
    const xml = encodeObject('o', 'ObjectSpec', {
      selectSet: [vim('TraversalSpec', { path: 'view', type: 'ContainerView', name: 'a<b&"c' })],
      skip: true,
      obj: { type: 'ContainerView', value: 'v-1' },
    });
    expect(xml).toBe(
      '<o><obj type="ContainerView">v-1</obj><skip>true</skip><selectSet xsi:type="TraversalSpec">' +
        '<name>a&#60;b&#38;&#34;c</name><type>ContainerView</type><path>view</path></selectSet></o>',
    );
  });

  test('what was encoded is decoded to the same, calls and answers alike', () => {
    const call = { specSet: [{ propSet: [{ type: 'Folder', pathSet: ['name'] }], objectSet: [] }], options: {} };
    const { root } = read(encodeCall('RetrievePropertiesEx', { type: 'PropertyCollector', value: 'pc' }, call));
    expect(decodeParameters(root, 'RetrievePropertiesEx', 'strict')).toMatchObject(call);
    const result = {
      _type: 'RetrieveResult',
      objects: [
        {
          _type: 'ObjectContent',
          obj: { type: 'VirtualMachine', value: 'vm-1' },
          propSet: [
            { _type: 'DynamicProperty', name: 'name', val: 'é\n' },
            { _type: 'DynamicProperty', name: 'n', val: new Any('long', 5) },
            {
              _type: 'DynamicProperty',
              name: 'network',
              val: new Any('&Network[]', [{ type: 'Network', value: 'n' }]),
            },
          ],
          missingSet: [],
        },
      ],
    };
    const answer = read(`<e ${xsi}>${encodeResult('RetrievePropertiesEx', result)}</e>`).root.children[0]!;
    const decoded = decodeObject(answer.children[0]!, 'RetrieveResult', 'strict');
    expect(decoded.objects[0]?.propSet.map(({ val }) => val)).toEqual(['é\n', 5, [{ type: 'Network', value: 'n' }]]);
  });

  test('refuses what the table does not allow', () => {
    expect(() => encodeNamed('key', 'int', undefined, 'VirtualDevice')).toThrow('VirtualDevice.key is missing');
    expect(() => encodeNamed('key', 'int', 2 ** 60, 'X')).toThrow(FormatError);
    expect(() => encodeNamed('b', 'VirtualDevice', { _type: 'Description', key: 1 }, 'X')).toThrow(FormatError);
  });
});

describe('reading XML', () => {
  test('hands over split elements one at a time and keeps none', () => {
    const objects = Array.from(
      { length: 5 },
      (_, index) => `<objects><n>${index}</n><returnval><objects/></returnval></objects>`,
    );
    const { root, split } = read(`<a><returnval>${objects.join('')}<token>t</token></returnval></a>`, {
      parent: 'returnval',
      name: 'objects',
      read: treeOf,
    });
    expect(root.children[0]?.children.map(({ name }) => name)).toEqual(['token']);
    expect(split.filter(({ children }) => children.length > 0)).toHaveLength(5);
  });

  test.each([
    ['a document type', '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'],
    ['an entity', '<a>&x;</a>'],
    ['an end in the middle', '<a><b></b>'],
    ['nothing', ''],
    ['something else', 'Service unavailable'],
    ['nesting', '<a>'.repeat(200)],
    ['attributes', `<a ${Array.from({ length: 100 }, (_, n) => `a${n}="1"`).join(' ')}/>`],
    ['a character that XML has not', '<a>&#1;</a>'],
  ])('refuses %s', (_, xml) => {
    expect(() => read(xml)).toThrow(XmlError);
  });

  test('refuses text without end, before it is all in memory', () => {
    const reader = new XmlReader(null);
    reader.write(Buffer.from('<a b="'));
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    expect(() => {
      for (let at = 0; at < 64; at += 1) reader.write(chunk);
    }).toThrow(XmlError);
  });

  test('refuses what is not UTF-8', () => {
    expect(() => read(Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e]))).toThrow('not UTF-8');
  });
});
