import { randomBytes } from 'node:crypto';
import { copyFile, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusal } from '../../../test/fixtures/ova/codes.ts';
import { build, describeAt, images, mib, openSource, work } from './test-packages.ts';

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
