import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFile,
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type BuildOptions, buildOva } from '../../../test/fixtures/ova/build.ts';
import { refusal } from '../../../test/fixtures/ova/codes.ts';
import { rawTools } from '../../../test/fixtures/ova/raw-tools.ts';
import type { Vm } from '../../model/vm.ts';
import { createImageTools } from '../../transfer/images.ts';
import type { Source } from '../provider.ts';
import { createOvaSource } from './source.ts';

const signal = AbortSignal.timeout(120_000);
const tools = createImageTools();
const mib = 2 ** 20;
let directory: string;
let images: string;
let work: string;
let count = 0;
let content: Buffer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-ova-'));
  images = join(directory, 'images');
  await mkdir(images);
  content = Buffer.concat([randomBytes(mib), Buffer.alloc(2 * mib), randomBytes(mib)]);
  await writeFile(join(images, 'disk.raw'), content);
  for (const [format, ...options] of [
    ['vmdk', '-o', 'subformat=streamOptimized'],
    ['qcow2'],
    ['vpc', '-o', 'force_size=on'],
    ['vhdx'],
  ] as const) {
    execFileSync('qemu-img', [
      'convert',
      '-f',
      'raw',
      '-O',
      format,
      ...options,
      join(images, 'disk.raw'),
      join(images, `disk.${format}`),
    ]);
  }
});
beforeEach(async () => {
  count += 1;
  work = join(directory, `work-${count}`);
  await mkdir(work);
});
afterAll(() => rm(directory, { recursive: true }));

async function build(options: Partial<BuildOptions> = {}): Promise<string> {
  const path = options.path ?? join(work, options.layout === 'directory' ? 'vm' : 'vm.ova');
  await buildOva({
    vmName: 'shop',
    disks: [{ file: join(images, 'disk.vmdk'), capacityBytes: 4 * mib }],
    ...options,
    path,
  });
  return path;
}

const openSource = (path: string): Promise<Source & AsyncDisposable> =>
  createOvaSource({ type: 'ova', path }, tools, signal);
const openRaw = (path: string): Promise<Source & AsyncDisposable> =>
  createOvaSource({ type: 'ova', path }, rawTools, signal);
const describeAt = async (path: string): Promise<Vm> => (await openSource(path)).describe(null, signal);

async function readDisk(source: Source, vm: Vm, diskId: string): Promise<Buffer> {
  const disk = await source.openDisk(vm, diskId, work, signal);
  try {
    const parts: Buffer[] = [];
    for (let at = 0; at < disk.sizeBytes; at += mib)
      parts.push(await disk.read(at, Math.min(mib, disk.sizeBytes - at), signal));
    return Buffer.concat(parts);
  } finally {
    await disk.close();
  }
}

const formats = [
  ['vmdk', 'disk.vmdk'],
  ['qcow2', 'disk.qcow2'],
  ['vhd', 'disk.vpc'],
  ['vhdx', 'disk.vhdx'],
  ['raw', 'disk.raw'],
] as const;
for (const [format, file] of formats) {
  test(`gives the bytes of a ${format} disk from inside of the archive`, async () => {
    const source = await openSource(
      await build({ disks: [{ file: join(images, file), format, capacityBytes: 4 * mib }] }),
    );
    const vm = await source.describe(null, signal);
    expect(vm.disks).toMatchObject([{ id: 'vmdisk1', format, sizeBytes: 4 * mib, access: 'random' }]);
    const read = await readDisk(source, vm, 'vmdisk1');
    expect(read.equals(content)).toBe(true);
    expect(read.equals(Buffer.alloc(read.length))).toBe(false);
  });
}

test('gives a gzip’d disk as one that is read in order', async () => {
  await writeFile(join(work, 'disk.raw.gz'), gzipSync(content));
  const disks = [{ file: join(work, 'disk.raw.gz'), format: 'raw' as const, gzip: true, capacityBytes: 4 * mib }];
  const source = await openSource(await build({ disks }));
  const vm = await source.describe(null, signal);
  expect(vm.disks).toMatchObject([{ sizeBytes: 4 * mib, access: 'sequential', format: 'raw' }]);
  expect((await readDisk(source, vm, 'vmdisk1')).equals(content)).toBe(true);
});

test('works on a directory as on an archive, and on the OVF in it', async () => {
  const archive = await describeAt(await build());
  const path = await build({ layout: 'directory' });
  expect(await describeAt(path)).toEqual(archive);
  const source = await openSource(join(path, 'shop.ovf'));
  const vm = await source.describe(null, signal);
  expect(vm).toEqual(archive);
  expect((await readDisk(source, vm, 'vmdisk1')).equals(content)).toBe(true);
  await source.verifyManifest?.(vm, () => undefined, signal);
});

const twice = (text: string): string => {
  const [, system = ''] = /(<VirtualSystem .*<\/VirtualSystem>)/s.exec(text) ?? [];
  const other = system.replace('ovf:id="shop"', 'ovf:id="second"');
  return text.replace(system, `<VirtualSystemCollection ovf:id="c">${system}${other}</VirtualSystemCollection>`);
};

test('lists several VMs, finds one by id or name, and asks which when nobody said', async () => {
  const source = await openSource(await build({ editOvf: twice }));
  expect((await source.list(signal)).map(({ id, name, diskCount }) => [id, name, diskCount])).toEqual([
    ['shop', 'shop', 1],
    ['second', 'shop', 1],
  ]);
  expect((await source.describe('second', signal)).id).toBe('second');
  expect((await refusal(() => source.describe(null, signal))).params['names']).toBe('shop, shop (id second)');
  expect((await refusal(() => source.describe(null, signal))).code).toBe('source.vm_ambiguous');
  expect((await refusal(() => source.describe('third', signal))).code).toBe('source.vm_not_found');
});

test('believes the image and not the OVF about its size, and says so', async () => {
  const source = await openSource(
    await build({ disks: [{ file: join(images, 'disk.vmdk'), capacityBytes: 9 * mib }] }),
  );
  const vm = await source.describe(null, signal);
  expect(vm.disks[0]?.sizeBytes).toBe(4 * mib);
  expect(await source.concerns?.(vm, signal)).toMatchObject([
    { code: 'ova.capacity_differs', severity: 'warning', params: { declared: 9 * mib, actual: 4 * mib } },
  ]);
});

test('warns of what the manifest leaves out and of a signature that nobody checks', async () => {
  const path = await build({
    editManifest: (text) => text.split('\n').slice(0, 1).join('\n'),
    extra: [{ name: 'shop.cert', content: Buffer.from('-----BEGIN') }],
  });
  const source = await openSource(path);
  const concerns = await source.concerns?.(await source.describe(null, signal), signal);
  expect(concerns?.map(({ code, severity, params }) => [code, severity, params['member']])).toEqual([
    ['ova.member_unlisted', 'warning', 'disk.vmdk'],
    ['ova.certificate_unchecked', 'information', 'shop.cert'],
  ]);
});

test('makes an empty disk of one that names no file', async () => {
  const path = await build({ manifest: 'none', editOvf: (text) => text.replace(' ovf:fileRef="file1"', '') });
  const source = await openSource(path);
  const vm = await source.describe(null, signal);
  expect(vm.disks).toMatchObject([{ sizeBytes: 4 * mib, storedBytes: 0, format: 'raw' }]);
  expect((await readDisk(source, vm, 'vmdisk1')).equals(Buffer.alloc(4 * mib))).toBe(true);
  const absurd = await build({
    manifest: 'none',
    editOvf: (text) =>
      text.replace(' ovf:fileRef="file1"', '').replace('ovf:capacity="4096"', 'ovf:capacity="9007199254740991"'),
  });
  expect((await refusal(() => describeAt(absurd))).code).toBe('ova.bad_ovf');
});

test('tells by a disk’s identity that the file is not the same any more', async () => {
  const path = await build();
  const source = await openSource(path);
  const vm = await source.describe(null, signal);
  const before = await source.identity(vm, signal);
  expect(Object.keys(before)).toEqual(['vmdisk1']);
  expect(await (await openSource(path)).identity(vm, signal)).toEqual(before);
  await utimes(path, new Date(), new Date(2000));
  expect(await source.identity(vm, signal)).not.toEqual(before);
  await copyFile(path, `${path}.2`);
  await rename(`${path}.2`, path);
  expect(await source.identity(vm, signal)).not.toEqual(before);
});

for (const manifest of ['sha1', 'sha256', 'sha512'] as const) {
  test(`checks a ${manifest} manifest over every byte, with progress`, async () => {
    const path = await build({ manifest });
    const source = await openSource(path);
    const vm = await source.describe(null, signal);
    const seen: number[] = [];
    await source.verifyManifest?.(vm, (done, total) => seen.push(done / total), signal);
    expect([seen[0], seen.at(-1)]).toEqual([0, 1]);
    // One bit, in the middle of the disk.
    const handle = await open(path, 'r+');
    const at = (vm.disks[0]?.storedBytes ?? 0) / 2 + 8192;
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
    await handle.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, at);
    await handle.close();
    const { code, params } = await refusal(async () => source.verifyManifest?.(vm, () => undefined, signal));
    expect([code, params['member'], params['algorithm']]).toEqual(['ova.manifest_mismatch', 'disk.vmdk', manifest]);
    expect(params['actual']).not.toBe(params['expected']);
  });
}

test('has nothing to verify without a manifest', async () => {
  expect(Object.keys(await openSource(await build({ manifest: 'none' })))).not.toContain('verifyManifest');
  expect(Object.keys(await openSource(await build()))).toContain('verifyManifest');
});

const refusedManifest = async (editManifest: (text: string) => string): Promise<unknown[]> => {
  const { code, params } = await refusal(async () => openSource(await build({ editManifest })));
  return [code, params['line'] ?? params['member']];
};

test('refuses a manifest that lists what is not there or is no manifest', async () => {
  expect(await refusedManifest((text) => `${text}SHA256(other.vmdk)= ${'0'.repeat(64)}\n`)).toEqual([
    'ova.manifest_member_missing',
    'other.vmdk',
  ]);
  expect(await refusedManifest((text) => `${text}hello\n`)).toEqual(['ova.bad_manifest', 3]);
  expect(await refusedManifest((text) => text.replace('SHA256(', 'MD5('))).toEqual(['ova.bad_manifest', 1]);
  expect(await refusedManifest((text) => text.replace(/.\n/, '\n'))).toEqual(['ova.bad_manifest', 1]);
  expect(await refusedManifest((text) => text + text)).toEqual(['ova.bad_manifest', 3]);
  expect(
    await refusedManifest((text) =>
      text.replace('SHA256(shop.ovf)= ', 'SHA-256 (shop.ovf) =').replaceAll('\n', '\r\n'),
    ),
  ).toEqual(['nothing was refused', undefined]);
});

test('stops checking when it is told to', async () => {
  const source = await openSource(await build());
  const vm = await source.describe(null, signal);
  const stop = new AbortController();
  const check = source.verifyManifest?.(vm, () => stop.abort(new Error('enough')), stop.signal);
  await expect(check).rejects.toThrow('enough');
});

const refusedOvf = async (
  editOvf: (text: string) => string,
  layout: 'archive' | 'directory' = 'archive',
): Promise<string> => {
  await rm(join(work, 'vm'), { recursive: true, force: true });
  const path = await build({ manifest: 'none', editOvf, layout });
  return (await refusal(() => describeAt(path))).code;
};

const href =
  (to: string): ((text: string) => string) =>
  (text) =>
    text.replace('ovf:href="disk.vmdk"', `ovf:href="${to}"`);

test('refuses disks that lie outside, are missing, chunked, differences, or compressed some other way', async () => {
  for (const to of [
    '/etc/shadow',
    '../secret',
    'a/../../b',
    'file:///etc/shadow',
    'http://127.0.0.1/x',
    '%2e%2e/secret',
    '%2Fetc%2Fshadow',
  ]) {
    expect([to, await refusedOvf(href(to))]).toEqual([to, 'ova.disk_outside']);
    expect([to, await refusedOvf(href(to), 'directory')]).toEqual([to, 'ova.disk_outside']);
  }
  expect(await refusedOvf(href('sub/disk.vmdk'), 'directory')).toBe('ova.disk_outside');
  expect(await refusedOvf(href('other.vmdk'))).toBe('ova.disk_missing');
  expect(await refusedOvf(href('%64isk.vmdk'))).toBe('nothing was refused');
  expect(await refusedOvf((text) => text.replace('ovf:fileRef=', 'ovf:parentRef="base" ovf:fileRef='))).toBe(
    'ova.disk_parent',
  );
  expect(await refusedOvf((text) => text.replace('ovf:id="file1"', 'ovf:id="file1" ovf:compression="bzip2"'))).toBe(
    'ova.compression',
  );
  expect(await refusedOvf((text) => text.replace(/ovf:format="[^"]*"/, 'ovf:format="urn:vdi"'))).toBe(
    'ova.disk_format',
  );
});

const inChunks = (text: string): string =>
  text.replace('ovf:href="disk.vmdk.000000000"', 'ovf:href="disk.vmdk" ovf:chunkSize="1000000"');

test('takes a file of one chunk and refuses one of several', async () => {
  const disks = [{ file: join(images, 'disk.vmdk'), name: 'disk.vmdk.000000000', capacityBytes: 4 * mib }];
  expect((await describeAt(await build({ disks, editOvf: inChunks }))).disks).toHaveLength(1);
  const path = await build({
    disks,
    editOvf: inChunks,
    extra: [{ name: 'disk.vmdk.000000001', content: Buffer.from('x') }],
  });
  expect((await refusal(() => describeAt(path))).code).toBe('ova.chunked');
});

test('refuses two members of the disk’s name, and lets others repeat (oVirt writes several called "pad")', async () => {
  const pad = { name: 'pad', content: Buffer.alloc(9) };
  expect((await describeAt(await build({ extra: [pad, pad] }))).name).toBe('shop');
  const path = await build({ manifest: 'none', extra: [{ name: './disk.vmdk', content: randomBytes(600) }] });
  expect((await refusal(() => describeAt(path))).code).toBe('ova.bad_member');
});

test('refuses an archive with a link in it, and a directory whose disk is one', async () => {
  const evil = await build({ extra: [{ name: 'x', type: '2', linkName: '/etc/shadow' }] });
  expect((await refusal(() => openSource(evil))).code).toBe('ova.bad_member');
  const path = await build({ layout: 'directory', manifest: 'none' });
  await rename(join(path, 'disk.vmdk'), join(work, 'elsewhere.vmdk'));
  await symlink(join(work, 'elsewhere.vmdk'), join(path, 'disk.vmdk'));
  const { code, params } = await refusal(() => describeAt(path));
  expect([code, params['problem']]).toEqual(['ova.bad_member', 'is a symbolic link']);
});

test('refuses two OVFs and none', async () => {
  const two = await build({ extra: [{ name: 'other.ovf', content: Buffer.from('<x/>') }] });
  expect((await refusal(() => openSource(two))).code).toBe('ova.several_ovf');
  expect((await refusal(() => openSource(images))).code).toBe('ova.no_ovf');
});

test('does not take another OVF’s manifest when one of several OVFs is named', async () => {
  const path = await build({ layout: 'directory' });
  await copyFile(join(path, 'shop.ovf'), join(path, 'other.ovf'));
  expect(Object.keys(await openSource(join(path, 'shop.ovf')))).toContain('verifyManifest');
  expect(Object.keys(await openSource(join(path, 'other.ovf')))).not.toContain('verifyManifest');
});

test('refuses an OVF with a DOCTYPE, or one that is too large to be one', async () => {
  const doctype = await build({ editOvf: (text) => text.replace('?>', '?><!DOCTYPE x>') });
  expect((await refusal(() => openSource(doctype))).code).toBe('ova.doctype');
  const large = await build({ editOvf: (text) => text + ' '.repeat(17 * mib) });
  expect((await refusal(() => openSource(large))).code).toBe('ova.too_large');
});

test('says how much of a truncated OVA is missing', async () => {
  const path = await build({ end: false });
  const size = (await readFile(path)).length;
  await truncate(path, size - 4096);
  const { code, params } = await refusal(() => openSource(path));
  expect([code, params['member']]).toEqual(['ova.truncated', 'disk.vmdk']);
  expect(params['missing']).toBeGreaterThan(4096 - 512);
});

test('lets the inspector refuse an image that is not what the OVF says', async () => {
  for (const [file, format] of [
    ['disk.qcow2', 'raw'],
    ['disk.raw', 'vmdk'],
    ['disk.vmdk', 'qcow2'],
  ] as const) {
    const path = await build({ disks: [{ file: join(images, file), format }] });
    expect((await refusal(() => describeAt(path))).code).toMatch(/^image\./);
  }
});

test('never lets a VMDK name a file outside, in an archive or a directory', async () => {
  const secret = join(work, 'secret');
  await writeFile(secret, 'marker'.repeat(4096));
  for (const extent of [secret, '../secret', '/etc/hostname', '/dev/sda']) {
    const descriptor = `# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 8 FLAT "${extent}" 0\nddb.adapterType = "ide"\n`;
    await writeFile(join(work, 'evil.vmdk'), descriptor);
    for (const layout of ['archive', 'directory'] as const) {
      const path = await build({
        layout,
        path: join(work, `evil-${layout}`),
        disks: [{ file: join(work, 'evil.vmdk') }],
      });
      expect((await refusal(() => describeAt(path))).code).toMatch(/^image\./);
    }
  }
});

test('reads a flat VMDK whose extent lies beside it', async () => {
  const descriptor = `# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW ${(4 * mib) / 512} FLAT "disk-flat.vmdk" 0\nddb.adapterType = "ide"\n`;
  await writeFile(join(work, 'flat.vmdk'), descriptor);
  const path = await build({
    disks: [{ file: join(work, 'flat.vmdk'), capacityBytes: 4 * mib }],
    extra: [{ name: 'disk-flat.vmdk', content: content }],
  });
  const source = await openSource(path);
  const vm = await source.describe(null, signal);
  expect((await readDisk(source, vm, 'vmdisk1')).equals(content)).toBe(true);
});

test('says what is not there and what is no file', async () => {
  const missing = await refusal(() => openSource(join(work, 'no', 'such.ova')));
  expect([missing.code, missing.params['missing']]).toEqual(['source.not_found', join(work, 'no')]);
  expect((await refusal(() => openSource('/dev/null'))).code).toBe('source.not_a_file');
  execFileSync('mkfifo', [join(work, 'pipe')]);
  expect((await refusal(() => openSource(join(work, 'pipe')))).code).toBe('source.not_a_file');
  await symlink(join(work, 'nowhere'), join(work, 'dangling'));
  expect((await refusal(() => openSource(join(work, 'dangling')))).code).toBe('source.not_found');
});

test('says which user lacks which permission on which part of the path', async ({ skip }) => {
  if (process.getuid?.() !== 0) skip('it changes users, which only root can');
  const path = await build({ path: join(work, 'closed.ova') });
  await chmod(directory, 0o755);
  const program = `
    import { createOvaSource } from ${JSON.stringify(join(import.meta.dirname, 'source.ts'))};
    try { await createOvaSource({ type: 'ova', path: ${JSON.stringify(path)} }, {}, AbortSignal.timeout(9000)); console.log('opened'); }
    catch (error) { console.log(JSON.stringify([error.code, error.params])); }`;
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath];
  const asNobody = (text: string): string =>
    execFileSync('setpriv', [...nobody, '--input-type=module', '-e', text], { encoding: 'utf8', stdio: 'pipe' }).trim();
  try {
    asNobody(`import ${JSON.stringify(join(import.meta.dirname, 'source.ts'))};`);
  } catch {
    skip('another user cannot read this checkout');
  }
  expect(asNobody(program)).toBe('opened'); // the control
  await chmod(path, 0o600);
  expect(JSON.parse(asNobody(program))).toMatchObject([
    'source.unreadable',
    { user: 'nobody', permission: 'read (r)', component: path },
  ]);
  await chmod(path, 0o644);
  await chmod(work, 0o700);
  expect(JSON.parse(asNobody(program))).toMatchObject([
    'source.unreadable',
    { user: 'nobody', permission: 'search (x)', component: work },
  ]);
});

test('says so when the file gets shorter while it is read', async () => {
  const path = await build({ disks: [{ file: join(images, 'disk.raw'), format: 'raw' }] });
  const source = await openRaw(path);
  const vm = await source.describe(null, signal);
  await truncate(path, 20_000);
  expect((await refusal(async () => source.verifyManifest?.(vm, () => undefined, signal))).code).toBe('source.changed');
});

test('does not mind what else lies in the directory', async () => {
  const path = await build({ layout: 'directory' });
  await mkdir(join(path, 'logs'));
  await symlink('/etc/shadow', join(path, 'link'));
  await appendFile(join(path, 'notes.txt'), 'x');
  expect((await describeAt(path)).name).toBe('shop');
});
