import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusal } from '../../../test/fixtures/ova/codes.ts';
import type { Vm } from '../../model/vm.ts';
import { createImageTools } from '../../transfer/images.ts';
import type { Source } from '../provider.ts';
import { createFilesSource } from './source.ts';

const signal = AbortSignal.timeout(120_000);
const tools = createImageTools();
const mib = 2 ** 20;
let directory: string;
let content: Buffer;

const at = (name: string): string => join(directory, name);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-files-'));
  content = Buffer.concat([randomBytes(mib), Buffer.alloc(2 * mib), randomBytes(mib)]);
  await writeFile(at('disk.raw'), content);
  const make = [
    ['qcow2', 'disk.qcow2'],
    ['vmdk', 'disk.vmdk', '-o', 'subformat=streamOptimized'],
    ['vmdk', 'flat.vmdk', '-o', 'subformat=monolithicFlat'],
    ['vpc', 'disk.vhd', '-o', 'force_size=on'],
    ['vpc', 'fixed.vhd', '-o', 'force_size=on,subformat=fixed'],
    ['vhdx', 'disk.vhdx'],
  ];
  for (const [format = '', name = '', ...options] of make) {
    execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', format, ...options, at('disk.raw'), at(name)]);
  }
});
afterAll(() => rm(directory, { recursive: true }));

const openSource = (...names: string[]): Promise<Source & AsyncDisposable> =>
  createFilesSource({ type: 'files', paths: names.map(at) }, tools, signal);

async function readDisk(source: Source, vm: Vm, diskId: string): Promise<Buffer> {
  const disk = await source.openDisk(vm, diskId, directory, signal);
  try {
    const parts: Buffer[] = [];
    for (let offset = 0; offset < disk.sizeBytes; offset += mib) {
      parts.push(await disk.read(offset, Math.min(mib, disk.sizeBytes - offset), signal));
    }
    return Buffer.concat(parts);
  } finally {
    await disk.close();
  }
}

const cases = [
  ['disk.raw', 'raw', 'unknown'],
  ['disk.qcow2', 'qcow2', 'kvm'],
  ['disk.vmdk', 'vmdk', 'vmware'],
  ['flat.vmdk', 'vmdk', 'vmware'],
  ['disk.vhd', 'vhd', 'hyperv'],
  ['fixed.vhd', 'vhd', 'hyperv'],
  ['disk.vhdx', 'vhdx', 'hyperv'],
];
for (const [name = '', format = '', origin = ''] of cases) {
  test(`makes a VM of ${name}, found to be ${format}, with the bytes that are in it`, async () => {
    const source = await openSource(name);
    const vm = await source.describe(null, signal);
    expect(vm).toMatchObject({ id: name.split('.')[0], name: name.split('.')[0], origin, cpus: 2 });
    expect(vm.disks).toMatchObject([{ id: name, format, sizeBytes: 4 * mib, bootOrder: 1 }]);
    expect(vm.nics).toMatchObject([{ mac: null, connected: true }]);
    expect((await readDisk(source, vm, name)).equals(content)).toBe(true);
  });
}

test('leaves no directory behind after it has looked for the firmware', async () => {
  const before = (await readdir(tmpdir())).filter((name) => name.startsWith('wherry-look-'));
  await (await openSource('disk.qcow2')).describe(null, signal);
  const after = (await readdir(tmpdir())).filter((name) => name.startsWith('wherry-look-'));
  expect(after.filter((name) => !before.includes(name))).toEqual([]);
});

test('finds that a disk with an EFI system partition wants EFI', async () => {
  await writeFile(at('efi.img'), '');
  execFileSync('truncate', ['-s', '8M', at('efi.img')]);
  execFileSync('sfdisk', ['--quiet', at('efi.img')], {
    input: 'label: gpt\nsize=1M, type=linux\nsize=4M, type=uefi\n',
  });
  expect((await (await openSource('efi.img')).describe(null, signal)).firmware).toEqual({
    type: 'efi',
    secureBoot: false,
  });
  execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', at('efi.img'), at('efi.qcow2')]);
  expect((await (await openSource('efi.qcow2')).describe(null, signal)).firmware.type).toBe('efi');
  // The control: the same table with another type, and a DOS table.
  execFileSync('sfdisk', ['--quiet', '--part-type', at('efi.img'), '2', 'linux']);
  expect((await (await openSource('efi.img')).describe(null, signal)).firmware.type).toBe('bios');
  execFileSync('sfdisk', ['--quiet', at('efi.img')], { input: 'label: dos\nsize=4M, type=ef\n' });
  expect((await (await openSource('efi.img')).describe(null, signal)).firmware.type).toBe('bios');
});

test('tells by a disk’s identity that any of its files is not the same any more, though its times say so', async () => {
  for (const name of ['moved.vmdk', 'moved-flat.vmdk']) await copyFile(at(name.replace('moved', 'flat')), at(name));
  const descriptor = await readFile(at('moved.vmdk'), 'utf8');
  await writeFile(at('moved.vmdk'), descriptor.replace('flat-flat.vmdk', 'moved-flat.vmdk'));
  const source = await openSource('moved.vmdk');
  const vm = await source.describe(null, signal);
  const before = await source.identity(vm, signal);
  expect(await (await openSource('moved.vmdk')).identity(vm, signal)).toEqual(before); // the control
  const { atime, mtime } = await stat(at('moved-flat.vmdk'));
  await utimes(at('moved-flat.vmdk'), atime, new Date(mtime.getTime() + 1000));
  const touched = await source.identity(vm, signal);
  expect(touched).not.toEqual(before);

  await utimes(at('disk.raw'), atime, mtime);
  const raw = await openSource('disk.raw');
  const disk = await raw.describe(null, signal);
  const first = await raw.identity(disk, signal);
  await writeFile(at('disk.raw'), content);
  await utimes(at('disk.raw'), atime, mtime); // as tools do that copy times, too
  expect(await raw.identity(disk, signal)).not.toEqual(first);
});

test('makes one VM of several files, the first one its boot disk', async () => {
  const source = await createFilesSource(
    { type: 'files', paths: [at('disk.qcow2'), at('disk.raw')], name: 'pair' },
    tools,
    signal,
  );
  const vm = await source.describe('pair', signal);
  expect(vm.disks.map(({ id, bootOrder, unit }) => [id, bootOrder, unit])).toEqual([
    ['disk.qcow2', 1, 0],
    ['disk.raw', null, 1],
  ]);
  expect(Object.keys(await source.identity(vm, signal))).toEqual(['disk.qcow2', 'disk.raw']);
  expect(await source.list(signal)).toMatchObject([{ name: 'pair', diskCount: 2 }]);
  expect((await refusal(() => source.describe('other', signal))).code).toBe('source.vm_not_found');
  expect((await refusal(() => source.openDisk(vm, 'other', directory, signal))).code).toBe('source.disk_not_found');
});

test('reads a compressed image in order', async () => {
  await writeFile(at('disk.raw.gz'), gzipSync(content));
  const source = await openSource('disk.raw.gz');
  const vm = await source.describe(null, signal);
  expect(vm).toMatchObject({ name: 'disk', disks: [{ format: 'raw', access: 'sequential', sizeBytes: 4 * mib }] });
  expect((await readDisk(source, vm, 'disk.raw.gz')).equals(content)).toBe(true);
});

test('refuses a file twice, by whatever name', async () => {
  await symlink(at('disk.raw'), at('again.raw'));
  expect((await refusal(() => openSource('disk.raw', 'again.raw'))).code).toBe('source.duplicate_path');
});

test('refuses a raw disk whose guest wrote the header of another format to its start', async () => {
  for (const name of ['disk.qcow2', 'disk.vmdk', 'disk.vhdx']) {
    await copyFile(at(name), at('guest.raw'));
    const { code, params } = await refusal(() => openSource('guest.raw'));
    expect([code, params['extension']]).toEqual(['source.format_contradicts', 'raw']);
  }
});

test('refuses images that refer to other files, before any program sees them', async () => {
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', at('disk.raw'), at('overlay.qcow2')]);
  expect((await refusal(async () => (await openSource('overlay.qcow2')).describe(null, signal))).code).toBe(
    'image.backing_file',
  );
  await writeFile(
    at('evil.vmdk'),
    '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 8 FLAT "/etc/hostname" 0\n',
  );
  expect((await refusal(async () => (await openSource('evil.vmdk')).describe(null, signal))).code).toMatch(/^image\./);
  await symlink(at('disk.raw'), at('link-flat.vmdk'));
  await writeFile(
    at('linked.vmdk'),
    '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 8192 FLAT "link-flat.vmdk" 0\n',
  );
  expect((await refusal(async () => (await openSource('linked.vmdk')).describe(null, signal))).code).toMatch(
    /^image\./,
  );
});
