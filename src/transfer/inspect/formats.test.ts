import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { toStored } from '../../model/errors.ts';
import type { StoredImage } from '../disk.ts';
import { createImageTools } from '../images.ts';
import {
  convert,
  makeContent,
  makeDirectory,
  run,
  storedImage,
  streamOptimized,
  writeImage,
} from '../vmdk/test-images.ts';
import { crc32c } from './crc32c.ts';

const signal = AbortSignal.timeout(120_000);
const tools = createImageTools();
const mib = 1024 * 1024;

type Change = (bytes: Buffer) => Buffer | void;

/** Makes an image by qemu-img, changes it, and says what the inspector makes of it. */
async function inspected(format: StoredImage['format'], args: readonly string[], change: Change): Promise<string> {
  await using directory = await makeDirectory();
  const raw = await writeImage(directory.path, 'disk.raw', makeContent(4 * mib, format));
  const path = join(directory.path, 'disk.image');
  await convert(raw, path, ...args);
  expect((await tools.inspect(storedImage(path, format), signal)).virtualSizeBytes).toBe(4 * mib); // the control
  const bytes = await readFile(path);
  const changed = await writeImage(directory.path, 'changed.image', change(bytes) ?? bytes);
  // Awaited here: the directory goes when this function is left.
  return await tools.inspect(storedImage(changed, format), signal).then(
    () => 'passed',
    (error) => toStored(error).code,
  );
}

const u32be =
  (at: number, value: number): Change =>
  (bytes) =>
    void bytes.writeUInt32BE(value, at);
const u32le =
  (at: number, value: number): Change =>
  (bytes) =>
    void bytes.writeUInt32LE(value, at);
const u64be =
  (at: number, value: bigint): Change =>
  (bytes) =>
    void bytes.writeBigUInt64BE(value, at);
const u64le =
  (at: number, value: bigint): Change =>
  (bytes) =>
    void bytes.writeBigUInt64LE(value, at);
const cut =
  (keep: number): Change =>
  (bytes) =>
    bytes.subarray(0, keep);

describe('qcow2', () => {
  const cases: [string, Change, string][] = [
    ['16 EiB', u64be(24, 2n ** 64n - 512n), 'image.absurd_size'],
    ['65 TiB', u64be(24, 65n * 2n ** 40n), 'image.absurd_size'],
    ['no size', u64be(24, 0n), 'image.absurd_size'],
    ['part of a sector', u64be(24, 1000n), 'image.unsupported'],
    ['1 TiB without tables for it', u64be(24, 2n ** 40n), 'image.corrupt'],
    ['clusters of 2^30 bytes', u32be(20, 30), 'image.absurd_size'],
    ['clusters of 2^8 bytes', u32be(20, 8), 'image.absurd_size'],
    ['an enormous first-level table', u32be(36, 0x7fffffff), 'image.absurd_size'],
    ['a first-level table past the end', u64be(40, 2n ** 40n), 'image.truncated'],
    ['an enormous refcount table', u32be(56, 0x10000000), 'image.absurd_size'],
    ['very many snapshots', u32be(60, 0x7fffffff), 'image.absurd_size'],
    ['refcounts of 2^60 bits', u32be(96, 60), 'image.absurd_size'],
    ['an unknown feature', u64be(72, 1n << 40n), 'image.unknown_feature'],
    ['the external data bit', u64be(72, 4n), 'image.data_file'],
    ['the raw external data bit', u64be(88, 2n), 'image.data_file'],
    ['the corrupt bit', u64be(72, 2n), 'image.corrupt'],
    ['the dirty bit', u64be(72, 1n), 'passed'],
    [
      'a backing file',
      (bytes) => void (bytes.writeBigUInt64BE(512n, 8), bytes.write('/etc/shadow', 512)),
      'image.backing_file',
    ],
    ['AES', u32be(32, 1), 'image.encrypted'],
    ['LUKS', u32be(32, 2), 'image.encrypted'],
    ['a header as long as 4 GiB', u32be(100, 0xffffffff), 'image.corrupt'],
    ['an unknown compression', (bytes) => void bytes.writeUInt8(7, 104), 'image.unknown_feature'],
    ['an extension that does not end', u32be(116, 0xffffff00), 'image.corrupt'],
    ['version 1', u32be(4, 1), 'image.unsupported'],
    ['version 9', u32be(4, 9), 'image.unsupported'],
    ['a few bytes only', cut(50), 'image.truncated'],
    ['its header only', cut(104), 'image.truncated'],
  ];
  it.each(cases)('%s', async (_what, change, code) => {
    expect(await inspected('qcow2', ['qcow2'], change)).toBe(code);
  });

  it('of version 2, with snapshots, with extended entries, with zstd: as it is', async () => {
    expect(await inspected('qcow2', ['qcow2', '-o', 'compat=0.10'], () => {})).toBe('passed');
    expect(await inspected('qcow2', ['qcow2', '-o', 'extended_l2=on'], () => {})).toBe('passed');
    expect(await inspected('qcow2', ['qcow2', '-c', '-o', 'compression_type=zstd'], () => {})).toBe('passed');
    await using directory = await makeDirectory();
    const path = join(directory.path, 'disk.qcow2');
    await run('qemu-img', ['create', '-f', 'qcow2', path, '1M']);
    await run('qemu-img', ['snapshot', '-c', 'one', path]);
    expect((await tools.inspect(storedImage(path, 'qcow2'), signal)).virtualSizeBytes).toBe(mib);
  });

  it('encrypted by qemu-img is refused', async () => {
    await using directory = await makeDirectory();
    const path = join(directory.path, 'disk.qcow2');
    const secret = 'secret,id=key,data=abc';
    const options = 'encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10';
    // Where the clock of CPU time is coarse, qemu-img now and then gives up timing its key derivation.
    for (let left = 20; ; left -= 1) {
      try {
        await run('qemu-img', ['create', '-f', 'qcow2', '--object', secret, '-o', options, path, '1M']);
        break;
      } catch (error) {
        if (left === 0 || !String(error).includes('accurate CPU usage')) throw error;
      }
    }
    await expect(tools.inspect(storedImage(path, 'qcow2'), signal)).rejects.toMatchObject({ code: 'image.encrypted' });
  });
});

/** Changes a VHD's footers and makes their checksums right again. */
function vhdFooters(change: (footer: Buffer) => void): Change {
  return (bytes) => {
    for (const at of [0, bytes.length - 512]) {
      const footer = bytes.subarray(at, at + 512);
      if (footer.toString('latin1', 0, 8) === 'conectix') sum(footer, 64, change);
    }
  };
}
function sum(block: Buffer, at: number, change: (block: Buffer) => void): void {
  change(block);
  block.writeUInt32BE(0, at);
  block.writeUInt32BE(~block.reduce((total, byte) => total + byte, 0) >>> 0, at);
}
const vhdHeader =
  (change: (header: Buffer) => void): Change =>
  (bytes) =>
    sum(bytes.subarray(512, 1536), 36, change);

describe('VHD', () => {
  const dynamic = ['vpc', '-o', 'subformat=dynamic,force_size=on'];
  const fixed = ['vpc', '-o', 'subformat=fixed,force_size=on'];
  const cases: [string, readonly string[], Change, string][] = [
    ['differencing', dynamic, vhdFooters((footer) => footer.writeUInt32BE(4, 60)), 'image.backing_file'],
    ['of an unknown type', dynamic, vhdFooters((footer) => footer.writeUInt32BE(9, 60)), 'image.unsupported'],
    ['of 16 EiB', dynamic, vhdFooters((footer) => footer.writeBigUInt64BE(2n ** 64n - 512n, 48)), 'image.absurd_size'],
    ['larger than its table', dynamic, vhdFooters((footer) => footer.writeBigUInt64BE(2n ** 40n, 48)), 'image.corrupt'],
    [
      'whose header is elsewhere',
      dynamic,
      vhdFooters((footer) => footer.writeBigUInt64BE(2n ** 60n, 16)),
      'image.truncated',
    ],
    [
      'with two different footers',
      dynamic,
      (bytes) => sum(bytes.subarray(0, 512), 64, (footer) => void footer.writeBigUInt64BE(8n * 512n, 48)),
      'image.corrupt',
    ],
    ['with blocks of 3 bytes', dynamic, vhdHeader((header) => void header.writeUInt32BE(3, 32)), 'image.absurd_size'],
    [
      'with very many blocks',
      dynamic,
      vhdHeader((header) => void header.writeUInt32BE(0xffffffff, 28)),
      'image.absurd_size',
    ],
    [
      'with its table past the end',
      dynamic,
      vhdHeader((header) => void header.writeBigUInt64BE(2n ** 50n, 16)),
      'image.truncated',
    ],
    ['with a parent in its header', dynamic, vhdHeader((header) => void header.write('\0p', 64)), 'image.backing_file'],
    ['with a broken header', dynamic, (bytes) => void bytes.writeUInt8(1, 600), 'image.corrupt'],
    ['cut', dynamic, cut(3000), 'image.truncated'],
    ['fixed, cut', fixed, (bytes) => bytes.subarray(512), 'image.truncated'],
    ['fixed, without a footer', fixed, (bytes) => bytes.subarray(0, bytes.length - 512), 'image.format_mismatch'],
    [
      'fixed, and a qcow2 at once',
      fixed,
      (bytes) => void bytes.write('QFI\xfb\0\0\0\x03', 0, 'latin1'),
      'image.format_mismatch',
    ],
  ];
  it.each(cases)('%s', async (_what, args, change, code) => {
    expect(await inspected('vhd', args, change)).toBe(code);
  });

  it('is read to its last sector whatever its geometry says', async () => {
    await using directory = await makeDirectory();
    const content = makeContent(5 * mib + 512, 'chs');
    const raw = await writeImage(directory.path, 'disk.raw', content);
    for (const subformat of ['fixed', 'dynamic']) {
      const path = join(directory.path, `${subformat}.vhd`);
      await convert(raw, path, 'vpc', '-o', `subformat=${subformat},force_size=on`);
      const bytes = await readFile(path);
      vhdFooters((footer) => void (footer.write('vpc ', 28), footer.writeUInt32BE(0x00780411, 56)))(bytes);
      const image = storedImage(await writeImage(directory.path, 'disk.vhd', bytes), 'vhd');
      const disk = await tools.openStored(image, directory.path, signal);
      expect((await disk.read(0, content.length, signal)).equals(content)).toBe(true);
      await disk.close();
    }
  });
});

/** Changes a block of a VHDX and makes its checksum right again. */
const vhdxBlock =
  (at: number, length: number, change: (block: Buffer) => void): Change =>
  (bytes) => {
    const block = bytes.subarray(at, at + length);
    change(block);
    block.writeUInt32LE(0, 4);
    block.writeUInt32LE(crc32c(block), 4);
  };
const both =
  (...changes: Change[]): Change =>
  (bytes) => {
    for (const change of changes) change(bytes);
  };
const headers = (change: (block: Buffer) => void): Change =>
  both(vhdxBlock(65_536, 4096, change), vhdxBlock(131_072, 4096, change));
const regions = (change: (block: Buffer) => void): Change =>
  both(vhdxBlock(196_608, 65_536, change), vhdxBlock(262_144, 65_536, change));

/** Changes what a metadata item holds. */
const item =
  (id: string, change: (bytes: Buffer, at: number) => void): Change =>
  (bytes) => {
    const table = bytes.indexOf(Buffer.from('metadata'));
    const entry = bytes.indexOf(Buffer.from(id, 'hex'), table);
    expect(entry).toBeGreaterThan(table);
    change(bytes, table + bytes.readUInt32LE(entry + 16));
  };
const fileParameters = '3767a1ca36fa434db3b633f0aa44e76b';
const virtualSize = '2442a52f1bcd7648b2115dbed83bf4b8';
const logicalSector = '1dbf41816fa90947ba47f233a8faab5f';

describe('VHDX', () => {
  const cases: [string, Change, string][] = [
    ['with a parent', item(fileParameters, (bytes, at) => bytes.writeUInt32LE(2, at + 4)), 'image.backing_file'],
    ['of 16 EiB', item(virtualSize, (bytes, at) => bytes.writeBigUInt64LE(2n ** 64n - 512n, at)), 'image.absurd_size'],
    ['larger than its table', item(virtualSize, (bytes, at) => bytes.writeBigUInt64LE(2n ** 45n, at)), 'image.corrupt'],
    ['with blocks of 5 bytes', item(fileParameters, (bytes, at) => bytes.writeUInt32LE(5, at)), 'image.absurd_size'],
    [
      'with sectors of 4096 bytes',
      item(logicalSector, (bytes, at) => bytes.writeUInt32LE(4096, at)),
      'image.unsupported',
    ],
    ['with a log to replay', headers((block) => void block.writeUInt8(1, 50)), 'image.unclean'],
    ['of another version', headers((block) => void block.writeUInt16LE(7, 66)), 'image.unsupported'],
    ['with broken headers', both(u32le(65_540, 1), u32le(131_076, 1)), 'image.corrupt'],
    ['with one broken header', u32le(65_540, 1), 'passed'],
    [
      'with an unknown required region',
      regions((block) => void (block.writeUInt8(9, 16), block.writeUInt32LE(1, 44))),
      'image.unknown_feature',
    ],
    ['with very many regions', regions((block) => void block.writeUInt32LE(0xffffffff, 8)), 'image.absurd_size'],
    ['with a region past the end', regions((block) => void block.writeBigUInt64LE(2n ** 40n, 32)), 'image.truncated'],
    [
      'with different region tables',
      vhdxBlock(196_608, 65_536, (block) => void block.writeUInt8(1, 60_000)),
      'image.corrupt',
    ],
    ['cut', cut(200_000), 'image.truncated'],
  ];
  it.each(cases)('%s', async (_what, change, code) => {
    expect(await inspected('vhdx', ['vhdx'], change)).toBe(code);
  });
});

describe('VMDK', () => {
  const sparse = ['vmdk', '-o', 'subformat=monolithicSparse'];
  const cases: [string, Change, string][] = [
    ['of 16 EiB', u64le(12, 2n ** 55n), 'image.absurd_size'],
    ['of no size, for which others follow the descriptor', u64le(12, 0n), 'image.absurd_size'],
    ['larger than its tables', u64le(12, 2n ** 36n), 'image.truncated'],
    ['with grains of 2^40 sectors', u64le(20, 2n ** 40n), 'image.absurd_size'],
    ['with grains of 3 sectors', u64le(20, 3n), 'image.absurd_size'],
    ['with no grains', u64le(20, 0n), 'image.absurd_size'],
    ['with enormous tables', u32le(44, 0xffffffff), 'image.unsupported'],
    ['with its directory past the end', u64le(56, 2n ** 40n), 'image.truncated'],
    ['with no directory', u64le(56, 0n), 'image.corrupt'],
    ['with its directory at the end, and no footer', u64le(56, 2n ** 64n - 1n), 'image.truncated'],
    ['with an enormous descriptor', u64le(36, 2n ** 40n), 'image.absurd_size'],
    ['with its descriptor past the end', u64le(28, 2n ** 40n), 'image.truncated'],
    ['transferred as text', (bytes) => void bytes.write('\r\n', 73), 'image.corrupt'],
    ['of version 4', u32le(4, 4), 'image.unsupported'],
    ['compressed in an unknown way', both(u32le(8, 0x30001), u32le(77, 9)), 'image.unsupported'],
    ['cut', cut(300), 'image.truncated'],
    ['cut behind its tables', cut(300_000), 'image.truncated'],
    ['without its last 64 KiB', (bytes) => bytes.subarray(0, bytes.length - 65_536), 'image.truncated'],
  ];
  it.each(cases)('%s', async (_what, change, code) => {
    expect(await inspected('vmdk', sparse, change)).toBe(code);
  });

  it('stream-optimized: cut anywhere, or with a footer that tells another story, it is refused', async () => {
    await using directory = await makeDirectory();
    const whole = streamOptimized(makeContent(mib, 'cut'));
    const code = async (bytes: Buffer): Promise<string> => {
      const image = storedImage(await writeImage(directory.path, 'disk.vmdk', bytes), 'vmdk');
      return await tools.inspect(image, signal).then(
        () => 'passed',
        (error) => toStored(error).code,
      );
    };
    expect(await code(whole)).toBe('passed');
    for (const keep of [whole.length - 512, whole.length - 1024, whole.length / 2, 70_000, 600]) {
      expect(await code(whole.subarray(0, keep))).toBe('image.truncated');
    }
    const other = Buffer.from(whole);
    other.writeBigUInt64LE(4096n, other.length - 1024 + 12);
    expect(await code(other)).toBe('image.corrupt');
  });

  it('that is the bare data of a flat one is taken as such by its name or its first sectors, nothing else is', async () => {
    await using directory = await makeDirectory();
    const bare = makeContent(mib, 'flat');
    const booting = Buffer.from(bare);
    booting.writeUInt16BE(0x55aa, 510);
    const named = storedImage(await writeImage(directory.path, 'disk-flat.vmdk', bare), 'vmdk');
    const marked = storedImage(await writeImage(directory.path, 'marked.vmdk', booting), 'vmdk');
    const neither = storedImage(await writeImage(directory.path, 'neither.vmdk', bare), 'vmdk');
    for (const image of [named, marked]) {
      expect(await tools.inspect(image, signal)).toEqual({ format: 'vmdk', subformat: 'flat', virtualSizeBytes: mib });
    }
    const disk = await tools.openStored(named, directory.path, signal);
    expect((await disk.read(0, mib, signal)).equals(bare)).toBe(true);
    await disk.close();
    await expect(tools.inspect(neither, signal)).rejects.toMatchObject({ code: 'image.format_mismatch' });
  });
});

describe('raw', () => {
  it('is refused when it begins as a container of any kind, or ends as a VHD', async () => {
    await using directory = await makeDirectory();
    const raw = await writeImage(directory.path, 'disk.raw', makeContent(mib, 'raw'));
    for (const args of [
      ['qcow2'],
      ['vmdk'],
      ['vhdx'],
      ['vpc'],
      ['qed'],
      ['vdi'],
      ['parallels'],
      ['vpc', '-o', 'subformat=fixed,force_size=on'],
    ]) {
      const path = join(directory.path, 'disk.image');
      const [driver = '', ...options] = args;
      await convert(raw, path, driver, ...options);
      await expect(tools.inspect(storedImage(path, 'raw'), signal)).rejects.toMatchObject({
        code: 'image.format_mismatch',
      });
    }
    for (const head of ['COWD\x01\0\0\0', '\x1f\x8b\x08\0', 'PK\x03\x04']) {
      const path = await writeImage(
        directory.path,
        'head.raw',
        Buffer.concat([Buffer.from(head, 'latin1'), Buffer.alloc(4096 - head.length)]),
      );
      await expect(tools.inspect(storedImage(path, 'raw'), signal)).rejects.toMatchObject({
        code: 'image.format_mismatch',
      });
    }
    const zipped = await writeImage(
      directory.path,
      'disk.gz',
      gzipSync(await readFile(join(directory.path, 'disk.image'))),
    );
    expect((await tools.inspect(storedImage(zipped, 'raw', { gzip: true }), signal)).subformat).toBe('gzip');
  });

  it('may hold what guests write: partition tables, LUKS, an ISO, the word conectix in its last sector', async () => {
    await using directory = await makeDirectory();
    const marks: [number, string][] = [
      [510, '\x55\xaa'],
      [512, 'EFI PART'],
      [0, 'LUKS\xba\xbe'],
      [32_769, 'CD001'],
      [mib - 512, 'conectix'],
      [4096, 'QFI\xfb'],
    ];
    for (const [at, mark] of marks) {
      const content = makeContent(mib, mark);
      content.write(mark, at, 'latin1');
      const path = await writeImage(directory.path, 'disk.raw', content);
      expect((await tools.inspect(storedImage(path, 'raw'), signal)).virtualSizeBytes).toBe(mib);
    }
  });
});
