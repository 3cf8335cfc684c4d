import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DomainPlan, domainXml, metadataNamespace } from './domain-xml.ts';
import { libosinfoId } from './os-id.ts';
import { testDisk, testGuest, testVm } from './test-vm.ts';
import { allXml, escapeXml, findXml, parseXml } from './xml.ts';

function plan(change: Partial<DomainPlan> = {}): DomainPlan {
  return {
    name: 'web01',
    uuid: '01a1fbcd-123d-7d86-a8bc-6d39649fc244',
    targetCopyId: '01a1fbcd-123d-7d86-a8bc-6d39649fc244',
    accelerator: 'tcg',
    vm: testVm(),
    guest: testGuest(),
    disks: [{ path: '/pool/web01-disk0.qcow2', format: 'qcow2' }],
    nics: [{ kind: 'network', name: 'default' }],
    consoleLog: '/var/log/libvirt/qemu/web01.console.log',
    ...change,
  };
}

function manyDisks(count: number): Pick<DomainPlan, 'vm' | 'disks'> {
  const disks = Array.from({ length: count }, (_, index) => ({ path: `/pool/${index}`, format: 'raw' as const }));
  return { vm: testVm({ disks: disks.map((_, index) => testDisk({ id: `d${index}` })) }), disks };
}

test('whatever a source calls its VM, network and files, the XML holds exactly that', () => {
  const text = fc.string({ unit: 'binary' }).map((s) => s.replace(/[^\P{Cc}\t\n]|[\ufffe\uffff]/gu, ''));
  fc.assert(
    fc.property(text, text, text, (name, network, path) => {
      const vm = testVm({ name, description: `.${name}` });
      const xml = parseXml(
        domainXml(plan({ name, vm, nics: [{ kind: 'bridge', name: network }], disks: [{ path, format: 'raw' }] })),
      );
      expect(findXml(xml, 'name')?.text).toBe(name);
      expect(findXml(xml, 'description')?.text).toBe(`.${name}`);
      expect(findXml(xml, 'devices', 'interface', 'source')?.attributes['bridge']).toBe(network);
      expect(findXml(xml, 'devices', 'disk', 'source')?.attributes['file']).toBe(path);
      expect(findXml(xml, 'metadata', 'wherry:vm')?.attributes['source-name']).toBe(name);
    }),
  );
});

test('what XML cannot hold is replaced, not passed on', () => {
  expect(escapeXml('a\u0000\ud800b')).toBe('a\ufffd\ufffdb');
  expect(() => parseXml('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')).toThrow('document type');
  expect(() => parseXml('<a>'.repeat(200))).toThrow('more elements');
  expect(() => parseXml(`<a>${'<b/>'.repeat(100_001)}</a>`)).toThrow('more elements');
  expect(parseXml(`<a>${'<b/>'.repeat(10_000)}</a>`).children).toHaveLength(10_000);
});

test('memory, CPUs, topology, MAC, firmware and mark are carried over', () => {
  const xml = parseXml(domainXml(plan()));
  expect(xml.attributes['type']).toBe('qemu');
  expect(findXml(xml, 'memory')?.text).toBe(String(256 * 1024));
  expect(findXml(xml, 'vcpu')?.text).toBe('2');
  expect(findXml(xml, 'cpu', 'topology')?.attributes).toEqual({ sockets: '1', cores: '2', threads: '1' });
  expect(findXml(xml, 'devices', 'interface', 'mac')?.attributes['address']).toBe('00:50:56:aa:bb:cc');
  expect(findXml(xml, 'metadata', 'wherry:vm')?.attributes).toMatchObject({
    'xmlns:wherry': metadataNamespace,
    'target-copy': '01a1fbcd-123d-7d86-a8bc-6d39649fc244',
  });
  expect(findXml(xml, 'os')?.attributes['firmware']).toBeUndefined();
  expect(findXml(xml, 'devices', 'serial', 'log')?.attributes['file']).toContain('console.log');
});

test('secure boot asks for enrolled keys and moves the VM to q35 with SMM; plain EFI asks for neither', () => {
  const firmware = { type: 'efi' as const, secureBoot: true };
  const secure = parseXml(domainXml(plan({ guest: testGuest({ firmware, machine: 'pc' }) })));
  expect(findXml(secure, 'os', 'type')?.attributes['machine']).toBe('q35');
  expect(findXml(secure, 'features', 'smm')?.attributes['state']).toBe('on');
  const features = (xml: typeof secure): unknown => allXml(xml, 'os', 'firmware', 'feature').map((e) => e.attributes);
  expect(features(secure)).toEqual([
    { enabled: 'yes', name: 'enrolled-keys' },
    { enabled: 'yes', name: 'secure-boot' },
  ]);
  const plain = parseXml(domainXml(plan({ guest: testGuest({ firmware: { ...firmware, secureBoot: false } }) })));
  expect(findXml(plain, 'os')?.attributes['firmware']).toBe('efi');
  expect(features(plain)).toEqual([
    { enabled: 'no', name: 'enrolled-keys' },
    { enabled: 'no', name: 'secure-boot' },
  ]);
});

function orders(wanted: readonly (number | null)[]): (string | undefined)[] {
  const { disks } = manyDisks(wanted.length);
  const vm = testVm({ disks: wanted.map((bootOrder, i) => testDisk({ id: `d${i}`, bootOrder })) });
  const xml = parseXml(domainXml(plan({ vm, disks })));
  return allXml(xml, 'devices', 'disk').map((disk) => findXml(disk, 'boot')?.attributes['order']);
}

test('boot order has no gaps or twins, and the first disk boots where the source is silent', () => {
  expect(orders([null, null])).toEqual(['1', undefined]);
  expect(orders([7, null, 3])).toEqual(['2', undefined, '1']);
  expect(orders([2, 2])).toEqual(['1', '2']);
});

test('every disk has a target of its own on a bus that the machine has', () => {
  for (const blockBus of ['virtio-blk', 'virtio-scsi', 'ide', 'sata'] as const) {
    for (const machine of ['pc', 'q35'] as const) {
      const xml = parseXml(domainXml(plan({ ...manyDisks(30), guest: testGuest({ blockBus, machine }) })));
      const targets = allXml(xml, 'devices', 'disk', 'target').map((target) => target.attributes);
      expect(new Set(targets.map((target) => target['dev'])).size).toBe(30);
      const ide = targets.filter((target) => target['bus'] === 'ide').length;
      expect(ide).toBe(blockBus === 'ide' && machine === 'pc' ? 4 : 0);
    }
  }
});

test('drivers from before virtio 1.0 get transitional devices on q35', () => {
  const xml = parseXml(domainXml(plan({ guest: testGuest({ virtio10: false }) })));
  expect(findXml(xml, 'devices', 'disk')?.attributes['model']).toBe('virtio-transitional');
  expect(findXml(xml, 'devices', 'interface', 'model')?.attributes['type']).toBe('virtio-transitional');
});

test('an operating system is named only when it is certain', () => {
  expect(libosinfoId('debian12')).toBe('http://debian.org/debian/12');
  expect(libosinfoId('win2k22')).toBe('http://microsoft.com/win/2k22');
  expect(libosinfoId('')).toBeNull();
  expect(libosinfoId('constructor')).toBeNull();
  expect(libosinfoId('windows')).toBeNull();
});
