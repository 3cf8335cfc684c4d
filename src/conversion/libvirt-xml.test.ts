import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { describe, expect, it } from 'vitest';
import { runChild } from '../process/child.ts';
import type { VmDisk } from '../model/vm.ts';
import { driveLetters, libvirtXml } from './libvirt-xml.ts';
import { sampleVm } from './sample.ts';

const overlays = [{ diskId: 'disk-1', path: '/tmp/o.qcow2' }];

describe('the document for virt-v2v', () => {
  it('is well-formed and carries names and paths unchanged, whatever is in them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' }), (name, file) => {
        fc.pre(/^[ -\ud7ff\ue000-\ufffd]*$/.test(name + file));
        const read = parse(libvirtXml(sampleVm({ name }), [{ diskId: 'disk-1', path: `/${file}` }]));
        expect(read.text.get('name')).toBe(name);
        expect(read.attributes('source').find((each) => each['file'] !== undefined)?.['file']).toBe(`/${file}`);
      }),
    );
  });

  it('stays well-formed when a name holds what XML cannot', () => {
    const read = parse(libvirtXml(sampleVm({ name: 'a\u0000b\ud800c\u0007' }), overlays));
    expect(read.text.get('name')).toBe('a\ufffdb\ufffdc\ufffd');
  });

  it('refuses a path that would not arrive as it is, and a disk without overlay', () => {
    expect(() => libvirtXml(sampleVm(), [{ diskId: 'disk-1', path: '/a\nb' }])).toThrow('XML cannot hold');
    expect(() => libvirtXml(sampleVm(), [{ diskId: 'disk-1', path: 'relative' }])).toThrow('absolute');
    expect(() => libvirtXml(sampleVm(), [])).toThrow('has no overlay');
  });

  it('is read by virt-v2v as it is meant: memory, disks in order, buses, NICs, firmware', async () => {
    const [disk] = sampleVm().disks;
    if (disk === undefined) throw new Error('the sample has a disk');
    const disks: VmDisk[] = [
      disk,
      { ...disk, id: 'b', bus: 'ide' },
      { ...disk, id: 'c', bus: 'nvme' },
      { ...disk, id: 'd', bus: 'virtio' },
    ];
    const directory = await mkdtemp(path.join(os.tmpdir(), 'wherry-xml-'));
    try {
      const paths = disks.map((each) => ({ diskId: each.id, path: path.join(directory, `${each.id} & 'x'.qcow2`) }));
      for (const each of paths) await runChild('qemu-img', ['create', '-q', '-f', 'qcow2', each.path, '1M']);
      const vm = sampleVm({ disks, firmware: { type: 'efi', secureBoot: false }, name: 'a <b> & c' });
      const file = path.join(directory, 'guest.xml');
      await writeFile(file, libvirtXml(vm, paths));
      const said = await runChild('virt-v2v-in-place', ['-i', 'libvirtxml', file, '--print-source']);
      expect(said).toContain('source name: a <b> & c');
      expect(said).toContain('hypervisor type: vmware');
      expect(said).toContain(`memory: ${512 * 1024 * 1024} (bytes)`);
      expect(said).toContain('nr vCPUs: 2');
      expect(said).toContain('firmware: uefi');
      expect(said.match(/\d \[\S+\]/g)).toEqual(['0 [scsi]', '1 [ide]', '2 [sata]', '3 [virtio-blk]']);
      expect(said).toContain('"VM Network" mac: 00:50:56:aa:bb:cc');
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('leaves the firmware to what is on the disk unless the source says EFI', () => {
    expect(libvirtXml(sampleVm(), overlays)).not.toContain('firmware');
    expect(libvirtXml(sampleVm({ firmware: { type: 'efi', secureBoot: true } }), overlays)).toContain("firmware='efi'");
  });

  it('names drives as Linux does', () => {
    expect([0, 25, 26, 27, 701, 702].map(driveLetters)).toEqual(['a', 'z', 'aa', 'ab', 'zz', 'aaa']);
  });
});

function parse(xml: string): { text: Map<string, string>; attributes: (name: string) => Record<string, string>[] } {
  const text = new Map<string, string>();
  const tags: { name: string; attributes: Record<string, string> }[] = [];
  const parser = new SaxesParser();
  let current = '';
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', (tag) => {
    current = tag.name;
    tags.push({ name: tag.name, attributes: { ...(tag.attributes as Record<string, string>) } });
  });
  parser.on('closetag', () => (current = ''));
  parser.on('text', (part) => {
    if (current !== '') text.set(current, (text.get(current) ?? '') + part);
  });
  parser.write(xml).close();
  return { text, attributes: (name) => tags.filter((tag) => tag.name === name).map((tag) => tag.attributes) };
}
