import { expect, test } from 'vitest';
import { type OvfStyle, ovfText, type OvfVm } from '../../../test/fixtures/ova/ovf-text.ts';
import { WherryError } from '../../model/errors.ts';
import { formatOf } from './ovf-disks.ts';
import { readMac } from './ovf-nics.ts';
import { type Ovf, type OvfSystem, parseOvf } from './ovf.ts';
import { bytesPerUnit, toBytes } from './units.ts';

const where = { path: '/data/vm.ova', member: 'vm.ovf' };

function parse(text: string): Ovf {
  return parseOvf(Buffer.from(text), where);
}

function first(text: string): OvfSystem {
  const [system] = parse(text).systems;
  if (system === undefined) throw new Error('no system');
  return system;
}

function codeOf(data: string | Buffer): string {
  try {
    parseOvf(Buffer.from(data), where);
  } catch (error) {
    if (error instanceof WherryError) return error.code;
    throw error;
  }
  return 'nothing was refused';
}

function problemOf(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof WherryError && error.code === 'ova.bad_ovf') return String(error.params['problem']);
    throw error;
  }
  return 'nothing was refused';
}

const vm: OvfVm = {
  vmName: 'Shop "A" & <B>',
  description: 'first line\nsecond line',
  disks: [
    { href: 'shop-disk1.vmdk', fileBytes: 1000, capacityBytes: 3 * 2 ** 30, format: 'vmdk', gzip: false },
    { href: 'shop-disk2.vmdk', fileBytes: 2000, capacityBytes: 5 * 2 ** 30, format: 'vmdk', gzip: true },
  ],
  nics: [
    { mac: '00:50:56:0a:0b:0c', network: 'VM Network', model: 'VmxNet3' },
    { mac: null, network: 'DMZ', model: 'E1000' },
  ],
  memoryMiB: 6144,
  cpus: 4,
  coresPerSocket: 2,
  firmware: 'efi-secure',
};

const styles: [OvfStyle, Partial<OvfSystem>, string[]][] = [
  [
    'vmware',
    { coresPerSocket: 2, origin: 'vmware', firmware: { type: 'efi', secureBoot: true } },
    ['vmxnet3', 'e1000'],
  ],
  // VirtualBox keeps secure boot's state in the NVRAM only, and this fixture's adapters are all E1000.
  [
    'virtualbox',
    { coresPerSocket: 0, origin: 'virtualbox', firmware: { type: 'efi', secureBoot: false } },
    ['e1000', 'e1000'],
  ],
  ['ovirt', { coresPerSocket: 2, origin: 'ovirt', firmware: { type: 'efi', secureBoot: true } }, ['virtio', 'e1000']],
  ['xen', { coresPerSocket: 2, origin: 'xen', firmware: { type: 'efi', secureBoot: true } }, ['netfront', 'netfront']],
];
for (const [style, expected, models] of styles) {
  test(`reads everything a VM has out of an OVF in the style of ${style}`, () => {
    const system = first(ovfText(style, vm));
    expect(system).toMatchObject({ ...expected, name: vm.vmName, cpus: 4, memoryBytes: 6144 * 2 ** 20 });
    expect(system.description).toBe(vm.description);
    expect(system.drives.map(({ disk }) => disk.file?.href)).toEqual(['shop-disk1.vmdk', 'shop-disk2.vmdk']);
    expect(system.drives.map(({ disk }) => disk.capacityBytes)).toEqual([3 * 2 ** 30, 5 * 2 ** 30]);
    expect(system.drives.map(({ disk }) => disk.file?.compression)).toEqual(['identity', 'gzip']);
    expect(system.drives.map(({ controller, unit }) => [controller, unit])).toEqual([
      [0, 0],
      [0, 1],
    ]);
    expect(system.drives.map(({ bootOrder }) => bootOrder)).toEqual([1, null]);
    expect(system.nics.map(({ mac, network }) => [mac, network])).toEqual([
      ['00:50:56:0a:0b:0c', 'VM Network'],
      [null, 'DMZ'],
    ]);
    expect(system.nics.map(({ model }) => model)).toEqual(models);
    expect(system.os.name).not.toBe('');
  });

  test(`takes BIOS for granted in the style of ${style}`, () => {
    expect(first(ovfText(style, { ...vm, firmware: 'bios' })).firmware).toEqual({ type: 'bios', secureBoot: false });
    expect(first(ovfText(style, { ...vm, firmware: 'efi' })).firmware).toEqual({ type: 'efi', secureBoot: false });
  });
}

test('boots what the Xen tools call bootable, and takes no pool for a disk', () => {
  const text = ovfText('xen', vm)
    .replace('isBootable="true"', 'isBootable="x"')
    .replace('isBootable="false"', 'isBootable="true"');
  expect(first(text).drives.map(({ bootOrder }) => bootOrder)).toEqual([null, 1]);
  const pool = text.replace('<rasd:HostResource>ovf:/disk/d2</rasd:HostResource>', '');
  expect(first(pool).drives.map(({ id }) => id)).toEqual(['d1']);
  expect(parse(pool).unusedFiles).toEqual(['shop-disk2.vmdk']);
  expect(parse(text).unusedFiles).toEqual([]);
});

const firstBus = (style: OvfStyle): string | undefined => first(ovfText(style, vm)).drives[0]?.bus;

test('knows the buses that each tool plugs disks into', () => {
  expect([firstBus('vmware'), firstBus('virtualbox'), firstBus('ovirt'), firstBus('xen')]).toEqual([
    'scsi',
    'sata',
    'scsi',
    'xen',
  ]);
});

const busWith = (type: number, subtype: string): string | undefined =>
  first(
    ovfText('vmware', vm).replace(
      /(<rasd:ResourceSubType>)VirtualSCSI(<.*?<rasd:ResourceType>)6</,
      `$1${subtype}$2${type}<`,
    ),
  ).drives[0]?.bus;

test('tells controllers by type and subtype', () => {
  expect([
    busWith(5, 'PIIX4'),
    busWith(6, 'lsilogic'),
    busWith(20, 'vmware.sata.ahci'),
    busWith(20, 'vmware.nvme.controller'),
    busWith(20, 'VirtioSCSI'),
  ]).toEqual(['ide', 'scsi', 'sata', 'nvme', 'scsi']);
});

test('knows the newest of oVirt’s network cards', () => {
  const text = ovfText('ovirt', vm).replace('<rasd:ResourceSubType>2<', '<rasd:ResourceSubType>6<');
  expect(first(text).nics.map(({ model }) => model)).toEqual(['virtio', 'e1000e']);
});

test('takes oVirt’s word for a raw disk, whose URI says VMDK', () => {
  const raw = {
    ...vm,
    disks: [{ href: 'x', fileBytes: 1, capacityBytes: 2 ** 30, format: 'raw' as const, gzip: false }],
  };
  expect(first(ovfText('ovirt', raw)).drives[0]?.disk.format).toBe('raw');
});

const ovirtFirmware = (value: number): unknown =>
  first(ovfText('ovirt', vm).replace(/<BiosType>\d</, `<BiosType>${value}<`)).firmware;

test('reads oVirt’s numbers of firmware as its engine writes them', () => {
  const bios = { type: 'bios', secureBoot: false };
  const efi = { type: 'efi', secureBoot: false };
  expect([0, 1, 2, 3].map(ovirtFirmware)).toEqual([bios, bios, efi, { ...efi, secureBoot: true }]);
});

test('reads the dialect of oVirt’s export domains: sections by type, sizes in GiB, group/image', () => {
  const text = `<ovf:Envelope xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
    <References><File ovf:href="group/image" ovf:id="image" ovf:size="9"/></References>
    <Section xsi:type="ovf:DiskSection_Type"><Disk ovf:diskId="image" ovf:size="16" ovf:fileRef="group/image" ovf:parentRef="" ovf:format="http://en.wikipedia.org/wiki/Byte" ovf:volume-format="COW" ovf:disk-interface="VirtIO" ovf:boot="True"/></Section>
    <Content ovf:id="out" xsi:type="ovf:VirtualSystem_Type"><Name>old</Name>
      <Section xsi:type="ovf:VirtualHardwareSection_Type"><System><vssd:VirtualSystemType>RHEVM 4.6.0.163</vssd:VirtualSystemType></System>
        <Item><rasd:ResourceType>3</rasd:ResourceType><rasd:num_of_sockets>2</rasd:num_of_sockets><rasd:cpu_per_socket>3</rasd:cpu_per_socket></Item>
        <Item><rasd:ResourceType>17</rasd:ResourceType><rasd:HostResource>group/image</rasd:HostResource><rasd:InstanceId>image</rasd:InstanceId></Item>
      </Section></Content></ovf:Envelope>`;
  const system = first(text);
  expect(system).toMatchObject({ name: 'old', origin: 'ovirt', memoryBytes: null, cpus: 6, coresPerSocket: 3 });
  expect(problemOf(text.replace('sockets>2<', 'sockets>two<'))).toContain('number of CPUs');
  expect(system.drives[0]).toMatchObject({
    bus: 'virtio',
    bootOrder: 1,
    disk: { format: 'qcow2', capacityBytes: 2 ** 34 },
  });
});

test('goes by namespaces, whatever their prefixes are', () => {
  const renamed = ovfText('vmware', vm)
    .replaceAll('rasd:', 'r:')
    .replaceAll(':rasd', ':r')
    .replaceAll('ovf:', 'q:')
    .replace('xmlns:ovf', 'xmlns:q')
    .replaceAll('q:/disk', 'ovf:/disk');
  expect(first(renamed)).toEqual(first(ovfText('vmware', vm)));
  const foreign = ovfText('vmware', vm).replaceAll(
    'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_Resource',
    'urn:not-',
  );
  expect(first(foreign).drives).toEqual([]); // the control: the same prefix for another namespace is not the same
});

test('lists the VMs of a collection, nested ones too', () => {
  const text = ovfText('vmware', vm);
  const [, head = '', system = ''] = /^(.*)(<VirtualSystem .*<\/VirtualSystem>)/s.exec(text) ?? [];
  const other = system
    .replace(/ovf:id="Shop[^"]*"/, 'ovf:id="two"')
    .replace(/<Name>.*?<\/Name>/, '<Name>second</Name>');
  const all = `${head}<VirtualSystemCollection ovf:id="c">${system}<VirtualSystemCollection ovf:id="d">${other}</VirtualSystemCollection></VirtualSystemCollection></Envelope>`;
  expect(parse(all).systems.map(({ name }) => name)).toEqual([vm.vmName, 'second']);
  expect(
    problemOf(`${head}<VirtualSystemCollection>${system}${system}</VirtualSystemCollection></Envelope>`),
  ).toContain('two virtual machines have the id');
});

test('takes the hardware of the default deployment configuration', () => {
  const text = ovfText('vmware', vm)
    .replace(
      '<VirtualSystem ',
      '<DeploymentOptionSection><Configuration ovf:id="small"/><Configuration ovf:id="large" ovf:default="true"/></DeploymentOptionSection><VirtualSystem ',
    )
    .replace(
      '<vmw:Config',
      '<Item ovf:configuration="large"><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>8</rasd:VirtualQuantity></Item><Item ovf:configuration="small"><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item><vmw:Config',
    );
  expect(first(text).cpus).toBe(8);
});

test('takes names from strings that the OVF brings along', () => {
  const text = ovfText('vmware', vm)
    .replace(/<Name>.*?<\/Name>/, '<Name ovf:msgid="vm.name"/>')
    .replace(
      '</Envelope>',
      '<Strings xml:lang="en-US"><Msg ovf:msgid="vm.name">from strings</Msg></Strings></Envelope>',
    );
  expect(first(text).name).toBe('from strings');
});

test('keeps VMware’s boot order', () => {
  const text = ovfText('vmware', vm).replace(
    '</VirtualHardwareSection>',
    '</VirtualHardwareSection><vmw:BootOrderSection vmw:instanceId="12" vmw:type="disk"><Info/></vmw:BootOrderSection><vmw:BootOrderSection vmw:instanceId="11" vmw:type="disk"/>',
  );
  expect(first(text).drives.map(({ bootOrder }) => bootOrder)).toEqual([2, 1]);
});

test('lists drives that name no disk, and takes files as disks', () => {
  const text = ovfText('vmware', vm)
    .replace('<rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource>', '')
    .replace('ovf:/disk/vmdisk2', 'ovf:/file/file2');
  const system = first(text);
  expect(system.emptyDrives).toEqual(['Hard Disk 1']);
  expect(system.drives.map(({ id, disk }) => [id, disk.file?.href, disk.format])).toEqual([
    ['file:file2', 'shop-disk2.vmdk', 'vmdk'],
  ]);
});

test('refuses a DOCTYPE before anything that it could bring in', () => {
  const text = ovfText('vmware', vm);
  const body = text.slice(text.indexOf('<Envelope'));
  expect(
    codeOf(`<!DOCTYPE Envelope [<!ENTITY x SYSTEM "file:///etc/hostname">]>${body.replace('first line', '&x;')}`),
  ).toBe('ova.doctype');
  expect(codeOf(`<!DOCTYPE Envelope SYSTEM "http://127.0.0.1/x.dtd">${body}`)).toBe('ova.doctype');
  expect(codeOf(`<!DOCTYPE l [<!ENTITY a "${'x'.repeat(1000)}">]>${body}`)).toBe('ova.doctype');
  expect(codeOf(body.replace('first line', '&x;'))).toBe('ova.bad_ovf');
  expect(codeOf(body)).toBe('nothing was refused'); // the control
});

test('reads UTF-8 with and without a mark, and says of every other encoding which it is', () => {
  const text = ovfText('vmware', { ...vm, vmName: 'Grüße' });
  expect(first(`\ufeff${text}`).name).toBe('Grüße');
  expect(codeOf(Buffer.from(`\ufeff${text}`, 'utf16le'))).toBe('ova.encoding');
  expect(codeOf(Buffer.from(text, 'utf16le'))).toBe('ova.encoding');
  expect(codeOf(Buffer.from(text, 'latin1'))).toBe('ova.encoding');
  expect(codeOf(text.replace('UTF-8', 'ISO-8859-1'))).toBe('ova.encoding');
});

test('bounds depth, elements and attributes', () => {
  expect(problemOf('<Envelope>'.repeat(100))).toContain('nested deeper');
  expect(problemOf(`<Envelope>${'<a/>'.repeat(200_001)}</Envelope>`)).toContain('more than 200000 elements');
  expect(problemOf(`<Envelope ${Array.from({ length: 600 }, (_, n) => `a${n}=""`).join(' ')}/>`)).toContain(
    'too many attributes',
  );
});

test('says what is wrong with an OVF', () => {
  const text = ovfText('vmware', vm);
  expect(problemOf('')).toContain('well-formed');
  expect(problemOf(text.slice(0, -20))).toContain('well-formed');
  expect(problemOf('<html/>')).toContain('not Envelope');
  expect(problemOf('<Envelope/>')).toContain('no virtual machine');
  expect(problemOf(text.replace('ovf:fileRef="file1"', 'ovf:fileRef="file9"'))).toContain('file9');
  expect(problemOf(text.replaceAll('vmdisk2"', 'vmdisk1"'))).toContain('two disks have the id');
  expect(problemOf(text.replace('ovf:/disk/vmdisk2', 'ovf:/disk/vmdisk1'))).toContain('use disk vmdisk1');
  expect(problemOf(text.replace('ovf:/disk/vmdisk2', 'ovf:/disk/none'))).toContain('ovf:/disk/none');
  expect(problemOf(text.replace('<rasd:VirtualQuantity>4<', '<rasd:VirtualQuantity>0<'))).toContain('number of CPUs');
  expect(problemOf(text.replace('<rasd:VirtualQuantity>4<', '<rasd:VirtualQuantity>1e9<'))).toContain('number of CPUs');
  expect(problemOf(text.replace('6144</', '99999999999999</'))).toContain('of memory');
  expect(problemOf(text.replace('byte * 2^20', 'furlong'))).toContain('furlong');
});

test('does not let names of an OVF reach the prototypes of objects', () => {
  const system = first(
    ovfText('vmware', { ...vm, vmName: '__proto__' })
      .replaceAll('vmdisk1', '__proto__')
      .replaceAll('file1', 'constructor'),
  );
  expect(system.name).toBe('__proto__');
  expect(system.drives[0]?.id).toBe('__proto__');
  expect(system.drives[0]?.disk.file?.href).toBe('shop-disk1.vmdk');
});

test('reads units in all their spellings', () => {
  for (const unit of ['byte * 2^20', 'byte*2^20', 'bytes * 2^20', 'MegaBytes', 'MB', 'mib', 'byte * 1024 * 1024']) {
    expect(bytesPerUnit(unit)).toBe(2 ** 20);
  }
  expect([bytesPerUnit(''), bytesPerUnit('byte'), bytesPerUnit('GigaBytes'), bytesPerUnit('byte * 10^9')]).toEqual([
    1,
    1,
    2 ** 30,
    1e9,
  ]);
  for (const unit of ['hertz * 10^6', 'byte * 2^99', 'byte * x', '__proto__', 'byte *', '2^20'])
    expect(bytesPerUnit(unit)).toBeNull();
  expect(toBytes('16', 'GB')).toBe(2 ** 34);
  for (const quantity of ['', '-1', '1.5', '${size}', '9007199254740993', '1e3'])
    expect(toBytes(quantity, 'byte')).toBeNull();
});

test('takes memory without a unit for MiB where bytes make no sense', () => {
  const text = ovfText('vmware', vm).replace('<rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>', '');
  expect(first(text).memoryBytes).toBe(6144 * 2 ** 20);
  expect(first(text.replace('>6144<', '>4294967296<')).memoryBytes).toBe(2 ** 32);
});

test('reads addresses of NICs however they are written, and none that a NIC cannot have', () => {
  for (const text of ['00:50:56:AA:bb:cc', '00-50-56-aa-bb-cc', '005056AABBCC', '0050.56aa.bbcc'])
    expect(readMac(text)).toBe('00:50:56:aa:bb:cc');
  for (const text of ['', '00:00:00:00:00:00', '01:00:5e:00:00:01', '00:50:56:aa:bb', '7', 'zz:50:56:aa:bb:cc'])
    expect(readMac(text)).toBeNull();
});

test('knows formats by URI, by oVirt’s word, and by name only where nothing is said', () => {
  expect(formatOf('http://www.vmware.com/specifications/vmdk.html#compressed', null, 'x')).toBe('vmdk');
  expect(formatOf('http://go.microsoft.com/fwlink/?LinkId=137171', null, 'x')).toBe('vhd');
  expect(formatOf('', null, 'a.vmdk')).toBe('vmdk');
  expect(formatOf('', null, 'a.vhdx.gz')).toBe('vhdx');
  expect(formatOf('urn:unknown', null, 'a.vmdk')).toBeNull();
  expect(formatOf('', null, 'a.iso')).toBeNull();
});
