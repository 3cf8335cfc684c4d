import { randomBytes } from 'node:crypto';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { toStored } from '../../model/errors.ts';
import type { StoredImage } from '../disk.ts';
import { createImageTools } from '../images.ts';
import { convert, makeDirectory, run, storedImage, streamOptimized, writeImage } from '../vmdk/test-images.ts';

const signal = AbortSignal.timeout(120_000);
const tools = createImageTools();
const kib64 = 65_536;

/** A file of the host that no image may show, and a place for images. */
async function plant() {
  const directory = await makeDirectory();
  const secret = `secret-${randomBytes(16).toString('hex')}`;
  const host = await makeDirectory();
  const path = await writeImage(
    host.path,
    'shadow',
    Buffer.concat([Buffer.from(secret), Buffer.alloc(kib64 - 39, 0x2e)]),
  );
  return {
    path: directory.path,
    secret,
    secretPath: path,
    [Symbol.asyncDispose]: async () => {
      await directory[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}

/** What the tools of others make of the image: the control. */
async function leaksThroughQemu(image: string, format: string | null, secret: string): Promise<boolean> {
  const out = `${image}.leak`;
  await run('qemu-img', ['convert', ...(format === null ? [] : ['-f', format]), '-O', 'raw', image, out]);
  return (await readFile(out)).includes(secret);
}

async function refusalOf(image: StoredImage, directory: string) {
  const failures = await Promise.all([
    tools.inspect(image, signal).then(() => null, toStored),
    tools.openStored(image, directory, signal).then(() => null, toStored),
  ]);
  expect(failures[0]).toEqual(failures[1]);
  return failures[0];
}

function descriptor(extents: string, type = 'monolithicFlat', more = ''): string {
  return `# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType="${type}"\n${more}\n# Extent description\n${extents}\n\n#DDB\nddb.adapterType = "ide"\n`;
}

describe('no image shows a file of the host', () => {
  it('a VMDK whose extent is an absolute path', async () => {
    await using place = await plant();
    const text = descriptor(`RW 128 FLAT "${place.secretPath}" 0`);
    const path = await writeImage(place.path, 'disk.vmdk', text);
    expect(await leaksThroughQemu(path, 'vmdk', place.secret)).toBe(true);
    expect(await leaksThroughQemu(path, null, place.secret)).toBe(true);
    const refusal = await refusalOf(storedImage(path, 'vmdk'), place.path);
    expect(refusal?.code).toBe('image.foreign_extent');
    expect(JSON.stringify(refusal)).not.toContain(place.secret);
  });

  it('a qcow2 with a backing file', async () => {
    await using place = await plant();
    const path = join(place.path, 'disk.qcow2');
    await run('qemu-img', ['create', '-f', 'qcow2', '-b', place.secretPath, '-F', 'raw', path]);
    expect(await leaksThroughQemu(path, 'qcow2', place.secret)).toBe(true);
    const refusal = await refusalOf(storedImage(path, 'qcow2'), place.path);
    expect(refusal).toMatchObject({ code: 'image.backing_file', params: { vm: 'web01', disk: 'disk-1' } });
    expect(JSON.stringify(refusal)).not.toContain(place.secret);
  });

  it('a qcow2 with an external data file', async () => {
    await using place = await plant();
    const data = join(place.path, 'data.raw');
    const path = join(place.path, 'disk.qcow2');
    await writeImage(place.path, 'data.raw', await readFile(place.secretPath));
    await run('qemu-img', ['create', '-f', 'qcow2', '-o', `data_file=${data},data_file_raw=on`, path, '64K']);
    await writeImage(place.path, 'data.raw', await readFile(place.secretPath));
    expect(await leaksThroughQemu(path, 'qcow2', place.secret)).toBe(true);
    expect((await refusalOf(storedImage(path, 'qcow2'), place.path))?.code).toBe('image.data_file');
    // The name alone, without the feature bit, and the bit that says the data file is raw.
    const bytes = await readFile(path);
    bytes.writeBigUInt64BE(0n, 72);
    const named = await writeImage(place.path, 'named.qcow2', bytes);
    expect((await refusalOf(storedImage(named, 'qcow2'), place.path))?.code).toBe('image.data_file');
  });

  it.each(['relative.raw', '/etc/shadow', 'json:{"driver":"file","filename":"/etc/shadow"}'])(
    'a qcow2 that names the data file %s',
    async (name) => {
      await using place = await plant();
      const path = join(place.path, 'disk.qcow2');
      await run('qemu-img', ['create', '-f', 'qcow2', path, '64K']);
      const bytes = await readFile(path);
      const extension = Buffer.alloc(8 + Math.ceil(name.length / 8) * 8);
      extension.writeUInt32BE(0x44415441, 0);
      extension.writeUInt32BE(name.length, 4);
      extension.write(name, 8);
      bytes.copyWithin(112 + extension.length, 112, 512);
      extension.copy(bytes, 112);
      const crafted = await writeImage(place.path, 'crafted.qcow2', bytes);
      expect(await refusalOf(storedImage(crafted, 'qcow2'), place.path)).toMatchObject({
        code: 'image.data_file',
        params: { reference: name },
      });
      expect(await tools.inspect(storedImage(path, 'qcow2'), signal)).toMatchObject({ virtualSizeBytes: kib64 });
    },
  );

  it('a "raw" disk that is a qcow2 with a backing file', async () => {
    await using place = await plant();
    const path = join(place.path, 'disk.raw');
    await run('qemu-img', ['create', '-f', 'qcow2', '-b', place.secretPath, '-F', 'raw', path]);
    expect(await leaksThroughQemu(path, null, place.secret)).toBe(true);
    expect((await refusalOf(storedImage(path, 'raw'), place.path))?.code).toBe('image.format_mismatch');
  });

  it.each([
    ['../shadow', 'image.foreign_extent'],
    ['../../../../etc/shadow', 'image.foreign_extent'],
    ['sub/disk-flat.vmdk', 'image.foreign_extent'],
    ['..', 'image.foreign_extent'],
    ['C:\\secret.vmdk', 'image.foreign_extent'],
    ['..\\secret.vmdk', 'image.foreign_extent'],
    ['\\\\.\\PhysicalDrive0', 'image.foreign_extent'],
    ['nbd:127.0.0.1:10809', 'image.foreign_extent'],
    ['http://169.254.169.254/latest', 'image.foreign_extent'],
    ['json:{}', 'image.foreign_extent'],
    ['', 'image.foreign_extent'],
    ['not-there.vmdk', 'image.extent_missing'],
  ])('a VMDK with the extent "%s"', async (name, code) => {
    await using place = await plant();
    for (const line of [`RW 128 FLAT "${name}" 0`, `RW 128 SPARSE "${name}"`, `RW 128 VMFS "${name}"`]) {
      const path = await writeImage(place.path, 'disk.vmdk', descriptor(line));
      expect((await refusalOf(storedImage(path, 'vmdk'), place.path))?.code).toBe(code);
    }
  });

  it('a VMDK of a device, of a parent, of types that nobody can read', async () => {
    await using place = await plant();
    await writeImage(place.path, 'disk-flat.vmdk', Buffer.alloc(kib64, 1));
    const flat = 'RW 128 FLAT "disk-flat.vmdk" 0';
    const cases: [string, string][] = [
      [descriptor(flat, 'fullDevice'), 'image.foreign_extent'],
      [descriptor(flat, 'vmfsRawDeviceMap'), 'image.foreign_extent'],
      [descriptor('RW 128 VMFSRDM "disk-flat.vmdk"', 'vmfs'), 'image.foreign_extent'],
      [descriptor(`${flat} partitionUUID \\\\.\\PhysicalDrive0`), 'image.foreign_extent'],
      [descriptor(flat, 'vmfsSparse'), 'image.unsupported'],
      [descriptor(flat, 'custom'), 'image.unsupported'],
      [descriptor('RW 128 SESPARSE "disk-flat.vmdk"', 'vmfs'), 'image.unsupported'],
      [descriptor('NOACCESS 128 FLAT "disk-flat.vmdk" 0'), 'image.unsupported'],
      [descriptor(flat, 'monolithicFlat', 'parentFileNameHint="base.vmdk"'), 'image.backing_file'],
      [descriptor(flat).replace('ffffffff', '1a2b3c4d'), 'image.backing_file'],
      [descriptor(''), 'image.corrupt'],
      [descriptor('something else'), 'image.corrupt'],
      [descriptor('RW 256 FLAT "disk-flat.vmdk" 0'), 'image.truncated'],
      [descriptor('RW 128 FLAT "disk-flat.vmdk" 1'), 'image.truncated'],
      [descriptor('RW 9999999999999999999 FLAT "disk-flat.vmdk" 0'), 'image.absurd_size'],
      [descriptor(Array.from({ length: 2000 }, () => flat).join('\n')), 'image.absurd_size'],
      [`${descriptor(flat)}${'#'.repeat(2 * 1024 * 1024)}`, 'image.absurd_size'],
    ];
    for (const [text, code] of cases) {
      const path = await writeImage(place.path, 'disk.vmdk', text);
      const refusal = await refusalOf(storedImage(path, 'vmdk'), place.path);
      expect({ text: text.slice(0, 300), code: refusal?.code }).toEqual({ text: text.slice(0, 300), code });
    }
    const control = await writeImage(place.path, 'disk.vmdk', descriptor(flat));
    expect((await tools.inspect(storedImage(control, 'vmdk'), signal)).virtualSizeBytes).toBe(kib64);
  });

  it('a sparse VMDK whose embedded descriptor names other files', async () => {
    await using place = await plant();
    const good = streamOptimized(Buffer.alloc(kib64, 'data'));
    for (const [change, code] of [
      [
        (text: string) => text.replace('SPARSE "generated-stream.vmdk"', `FLAT "${place.secretPath}" 0`),
        'image.foreign_extent',
      ],
      [(text: string) => text.replace('generated-stream.vmdk', place.secretPath), 'image.foreign_extent'],
      [(text: string) => text.replace('SPARSE "generated', 'FLAT "generated'), 'image.foreign_extent'],
      [(text: string) => text.replace('\n\nddb', '\nRW 128 SPARSE "other.vmdk"\n\nddb'), 'image.foreign_extent'],
      [(text: string) => text.replace('parentCID=ffffffff', 'parentCID=00000001'), 'image.backing_file'],
    ] as const) {
      const bytes = Buffer.from(good);
      const text = change(bytes.toString('latin1', 512, 10_752).replaceAll('\0', ''));
      bytes.fill(0, 512, 10_752);
      bytes.write(text, 512, 'latin1');
      const path = await writeImage(place.path, 'disk.vmdk', bytes);
      expect((await refusalOf(storedImage(path, 'vmdk'), place.path))?.code).toBe(code);
      const zipped = await writeImage(place.path, 'disk.vmdk.gz', gzipSync(bytes));
      expect((await refusalOf(storedImage(zipped, 'vmdk', { gzip: true }), place.path))?.code).toBe(code);
    }
  });

  it('a VMDK descriptor under any other declaration', async () => {
    await using place = await plant();
    const text = descriptor(`RW 128 FLAT "${place.secretPath}" 0`);
    const hidden = text.replace('# Disk DescriptorFile', '# a comment\n\n  # another');
    for (const content of [text, `\n \n${text}`, `\ufeff${text}`, hidden]) {
      const path = await writeImage(
        place.path,
        'disk.raw',
        Buffer.concat([Buffer.from(content), Buffer.alloc(kib64 - content.length)]),
      );
      for (const format of ['raw', 'qcow2', 'vhd', 'vhdx'] as const) {
        expect((await refusalOf(storedImage(path, format), place.path))?.code).toBe('image.format_mismatch');
      }
    }
  });

  it('while what is its own comes through: the control', async () => {
    await using place = await plant();
    const raw = await writeImage(place.path, 'disk.raw', await readFile(place.secretPath));
    for (const [format, driver, ...options] of [
      ['raw', 'raw'],
      ['qcow2', 'qcow2'],
      ['vhdx', 'vhdx'],
      ['vhd', 'vpc', '-o', 'subformat=dynamic,force_size=on'],
      ['vhd', 'vpc', '-o', 'subformat=fixed,force_size=on'],
      ['vmdk', 'vmdk', '-o', 'subformat=monolithicFlat'],
      ['vmdk', 'vmdk', '-o', 'subformat=streamOptimized'],
    ] as const) {
      const path = join(place.path, `control.${format}`);
      await convert(raw, path, driver, ...options);
      const image = storedImage(path, format);
      const facts = await tools.inspect(image, signal);
      const disk = await tools.openStored(image, place.path, signal);
      expect(disk.sizeBytes).toBe(facts.virtualSizeBytes);
      expect((await disk.read(0, kib64, signal)).includes(place.secret)).toBe(true);
      await disk.close();
    }
  });
});

describe('what cannot be opened says why', () => {
  it('a missing file, a directory, a device name, a member past the end', async () => {
    await using place = await plant();
    const control = storedImage(place.secretPath, 'raw');
    const cases: [Partial<StoredImage>, string][] = [
      [{ path: join(place.path, 'none.raw') }, 'image.unreadable'],
      [{ path: place.path }, 'image.unreadable'],
      [{ path: '/dev/null' }, 'image.unreadable'],
      [{ lengthBytes: control.lengthBytes + 512 }, 'image.truncated'],
      [{ offset: 512 }, 'image.truncated'],
      [{ lengthBytes: 0 }, 'image.truncated'],
      [{ lengthBytes: 700 }, 'image.truncated'],
    ];
    for (const [change, code] of cases) {
      expect((await refusalOf({ ...control, ...change }, place.path))?.code).toBe(code);
    }
    const link = join(place.path, 'loop');
    await symlink(link, link);
    expect((await refusalOf({ ...control, path: link }, place.path))?.code).toBe('image.unreadable');
    expect((await tools.inspect(control, signal)).virtualSizeBytes).toBe(kib64);
  });
});
