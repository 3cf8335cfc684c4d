import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createImageTools } from '../../transfer/images.ts';
import { domainXml } from '../domain/domain-xml.ts';
import { testGuest, testVm } from '../domain/test-vm.ts';
import { createDomainSource, filesOfDomain } from './domain-source.ts';

const run = promisify(execFile);
const { signal } = new AbortController();
const tools = createImageTools();
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-domain-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** As another machine's libvirt would have printed it: its paths are not ours. */
async function exported(change: (xml: string) => string = (xml) => xml): Promise<string> {
  const vm = testVm({ description: 'the <web>', firmware: { type: 'efi', secureBoot: true } });
  const guest = testGuest({ firmware: vm.firmware });
  const xml = domainXml({
    name: vm.name,
    uuid: '2b0a4c1e-9d1f-4f43-8a55-000000000007',
    targetCopyId: null,
    accelerator: 'kvm',
    vm,
    guest,
    disks: [{ path: '/var/lib/elsewhere/web01.qcow2', format: 'qcow2' }],
    nics: [{ kind: 'bridge', name: 'br0' }],
    consoleLog: null,
  });
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', join(directory, 'web01.qcow2'), '8M']);
  const path = join(directory, 'web01.xml');
  await writeFile(path, change(xml));
  return path;
}

test('a domain that we write is read back as it was', async () => {
  const path = await exported();
  await using source = await createDomainSource({ type: 'domain', path }, tools, signal);
  const vm = await source.describe(null, signal);
  expect(vm).toMatchObject({
    id: '2b0a4c1e-9d1f-4f43-8a55-000000000007',
    name: 'web01',
    description: 'the <web>',
    origin: 'kvm',
    cpus: 2,
    coresPerSocket: 2,
    memoryBytes: 256 * 2 ** 20,
    firmware: { type: 'efi', secureBoot: true },
    nics: [{ mac: '00:50:56:aa:bb:cc', network: 'br0', model: 'virtio' }],
    disks: [{ id: 'vda', format: 'qcow2', sizeBytes: 8 * 2 ** 20, bus: 'virtio' }],
  });
  expect(await filesOfDomain(path, signal)).toEqual(['web01.qcow2']);
  const disk = await source.openDisk(vm, 'vda', directory, signal);
  expect(await disk.read(0, 16, signal)).toEqual(Buffer.alloc(16));
  await disk.close();
  const before = await source.identity(vm, signal);
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', join(directory, 'web01.qcow2'), '16M']);
  expect(await source.identity(vm, signal)).not.toEqual(before);
});

test.each([
  ['OVMF', '/usr/share/ovmf/OVMF.fd', 'efi'],
  ['SeaBIOS', '/usr/share/seabios/bios.bin', 'bios'],
])('firmware is read as the inventory reads it: %s as a ROM', async (_what, loader, type) => {
  const os = `<os><type arch="x86_64">hvm</type><loader type="rom">${loader}</loader></os>`;
  const path = await exported((xml) => xml.replace(/<os .*<\/os>/s, os));
  await using source = await createDomainSource({ type: 'domain', path }, tools, signal);
  expect((await source.describe(null, signal)).firmware.type).toBe(type);
});

test.each([
  ['a DOCTYPE', (xml: string) => `<!DOCTYPE domain SYSTEM "file:///etc/passwd">${xml}`, 'document type'],
  ['another root', () => '<volume><name>x</name></volume>', 'not domain'],
  ['a disk that is no file', (xml: string) => xml.replace(/file="[^"]*qcow2"/, 'dev="/dev/sda"'), 'not in a file'],
  ['a format nobody reads', (xml: string) => xml.replace('type="qcow2"', 'type="qed"'), 'format qed'],
  ['XML that is cut off', (xml: string) => xml.slice(0, 300), ''],
])('%s is refused', async (_what, change, words) => {
  const path = await exported(change);
  const opened = createDomainSource({ type: 'domain', path }, tools, signal);
  await expect(opened).rejects.toMatchObject({ code: 'domain.bad_xml' });
  await expect(opened).rejects.toThrow(words);
});

test('a disk is a plain file beside the XML, or it is missing', async () => {
  const path = await exported();
  await rename(join(directory, 'web01.qcow2'), join(directory, 'real.qcow2'));
  await symlink('real.qcow2', join(directory, 'web01.qcow2'));
  await using source = await createDomainSource({ type: 'domain', path }, tools, signal);
  await expect(source.describe(null, signal)).rejects.toMatchObject({ code: 'domain.disk_missing' });
});
