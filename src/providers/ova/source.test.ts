import { execFileSync } from 'node:child_process';
import {
  appendFile,
  chmod,
  copyFile,
  mkdir,
  open,
  rename,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { refusal } from '../../../test/fixtures/ova/codes.ts';
import {
  build,
  content,
  describeAt,
  directory,
  images,
  mib,
  openRaw,
  openSource,
  readDisk,
  signal,
  work,
} from './test-packages.ts';

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

const unplugged = (text: string): string => text.replace('<rasd:ResourceType>17<', '<rasd:ResourceType>1<');

/** Of an appliance with disks of these names, the first of which is plugged into nothing. */
async function concernsWithout(...names: string[]): Promise<unknown> {
  const disks = names.map((name) => ({ file: join(images, 'disk.vmdk'), capacityBytes: 4 * mib, name }));
  const source = await openSource(await build({ disks, manifest: 'none', editOvf: unplugged }));
  const concerns = await source.concerns?.(await source.describe(null, signal), signal);
  return concerns?.map(({ code, severity, params }) => [code, severity, params['file']]);
}

test('says when a disk is described that no VM uses, and does not migrate a VM without its only one', async () => {
  expect(await concernsWithout('a.vmdk')).toEqual([['ova.disk_unused', 'critical', 'a.vmdk']]);
  expect(await concernsWithout('a.vmdk', 'b.vmdk')).toEqual([['ova.disk_unused', 'warning', 'a.vmdk']]);
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
