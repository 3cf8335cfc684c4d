import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { refusal } from '../../../test/fixtures/ova/codes.ts';
import {
  type HeaderStyle,
  paxRecord,
  tarBlock,
  type TarEntry,
  withChecksum,
  writeTar,
} from '../../../test/fixtures/ova/tar-writer.ts';
import { openLocalFile } from '../local/local-file.ts';
import { indexTar, type Member } from './tar.ts';

const signal = AbortSignal.timeout(60_000);
let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-tar-'));
  path = join(directory, 'test.ova');
});
afterEach(() => rm(directory, { recursive: true }));

async function index(): Promise<Member[]> {
  await using file = await openLocalFile(path);
  return await indexTar(file, signal);
}

async function contentOf(member: Member): Promise<Buffer> {
  await using file = await openLocalFile(path);
  return await file.read(member.offset, member.lengthBytes);
}

const plain: TarEntry[] = [
  { name: 'vm.ovf', content: Buffer.from('<Envelope/>') },
  { name: 'disk1.vmdk', content: randomBytes(70_000) },
  { name: 'empty', content: Buffer.alloc(0) },
  { name: 'last.bin', content: randomBytes(512) },
];

for (const headers of ['ustar', 'pax', 'gnu', 'v7', 'base256'] satisfies HeaderStyle[]) {
  test(`finds every member and its bytes under ${headers} headers`, async () => {
    await writeTar(path, plain, { headers });
    const members = await index();
    expect(members.map(({ name }) => name)).toEqual(plain.map(({ name }) => name));
    for (const [at, member] of members.entries()) expect(await contentOf(member)).toEqual(plain[at]?.content);
  });
}

for (const format of ['v7', 'ustar', 'gnu', 'oldgnu', 'pax']) {
  test(`reads what GNU tar writes as ${format}, with names that need the format's long form`, async () => {
    const long = format === 'v7' ? 'a'.repeat(90) : format === 'ustar' ? `${'d/'.repeat(60)}file` : 'ä'.repeat(100);
    const data = randomBytes(3000);
    execFileSync('mkdir', ['-p', join(directory, 'in', 'd/'.repeat(60))]);
    await writeFile(join(directory, 'in', long), data);
    execFileSync('tar', ['--format', format, '-C', join(directory, 'in'), '-cf', path, '--', `./${long}`]);
    const [member] = await index();
    expect(member?.name).toBe(long);
    expect(await contentOf(member as Member)).toEqual(data);
  });
}

test('indexes 100 GiB without reading its data', async () => {
  const gib = 2 ** 30;
  await writeTar(
    path,
    [
      { name: 'vm.ovf', content: Buffer.from('x') },
      { name: 'a', content: { hole: 100 * gib } },
      { name: 'b', content: randomBytes(9) },
    ],
    { headers: 'base256' },
  );
  const started = performance.now();
  const members = await index();
  expect(members.map(({ lengthBytes }) => lengthBytes)).toEqual([1, 100 * gib, 9]);
  expect(performance.now() - started).toBeLessThan(2_000); // reading it would take minutes
});

test('does without the end marks as long as all data is there', async () => {
  await writeTar(path, plain, { end: false });
  expect(await index()).toHaveLength(4);
});

test('skips directories and stops at the first empty block, as tar does', async () => {
  await writeTar(path, [{ name: 'd/', type: '5' }, ...plain]);
  const size = (await index()).at(-1);
  await writeFile(path, tarBlock({ name: 'hidden', size: 0, type: '0', linkName: '', magic: '' }), { flag: 'a' });
  expect((await index()).at(-1)).toEqual(size);
});

const special: [string, string, string][] = [
  ['1', 'hard link', 'is a hard link'],
  ['2', 'symbolic link', 'is a symbolic link'],
  ['3', 'character device', 'is a character device'],
  ['4', 'block device', 'is a block device'],
  ['6', 'named pipe', 'is a named pipe'],
  ['S', 'GNU sparse file', 'is stored with holes left out (GNU sparse)'],
  ['Z', 'member of an unknown type', 'is of the unknown tar type "Z"'],
];
for (const [type, what, problem] of special) {
  test(`refuses a ${what} by its name`, async () => {
    await writeTar(path, [...plain, { name: 'evil.vmdk', type, linkName: '/etc/shadow' }]);
    const { code, params } = await refusal(index);
    expect([code, params['member'], params['problem']]).toEqual(['ova.bad_member', 'evil.vmdk', problem]);
  });
}

for (const name of ['/etc/passwd', '../up', 'a/../../b', './../x', 'line\nbreak']) {
  test(`refuses the name ${JSON.stringify(name)}`, async () => {
    for (const headers of ['ustar', 'pax', 'gnu'] satisfies HeaderStyle[]) {
      await writeTar(path, [...plain, { name, content: Buffer.from('x') }], { headers });
      expect((await refusal(index)).code).toBe('ova.bad_member');
    }
  });
}

test('refuses sparse members in pax form, which GNU tar writes', async () => {
  execFileSync('truncate', ['-s', '1M', join(directory, 'holes')]);
  execFileSync('tar', ['--format=pax', '--sparse', '-C', directory, '-cf', path, 'holes']);
  const { code, params } = await refusal(index);
  expect([code, params['member']]).toEqual(['ova.bad_member', 'holes']);
});

test('refuses pax headers that give all members one size or path', async () => {
  const records = Buffer.from(paxRecord('size', '1'));
  await writeTar(path, [{ name: 'g', type: 'g', content: records }, ...plain]);
  expect((await refusal(index)).code).toBe('ova.bad_header');
});

test('takes global pax headers that say nothing about names and sizes (git archive)', async () => {
  await writeTar(path, [{ name: 'g', type: 'g', content: Buffer.from(paxRecord('comment', 'abc')) }, ...plain]);
  expect(await index()).toHaveLength(4);
});

for (const records of ['9 path=x', '12 path=\n', 'x path=y\n', '9999 a=b\n', '18 size=1000000e3\n', '12 size=-1\n\n']) {
  test(`refuses the pax records ${JSON.stringify(records)}`, async () => {
    await writeTar(path, [{ name: 'x', type: 'x', content: Buffer.from(records) }, ...plain]);
    expect((await refusal(index)).code).toBe('ova.bad_header');
  });
}

test('says which member is cut off and how much is missing', async () => {
  await writeTar(path, plain, { end: false });
  const last = (await index())[1] as Member;
  await truncate(path, last.offset + last.lengthBytes - 123);
  const { code, params } = await refusal(index);
  expect([code, params['member'], params['missing']]).toEqual(['ova.truncated', 'disk1.vmdk', 123]);
});

test('says so when the archive ends in a header', async () => {
  await writeTar(path, plain, { end: false });
  const second = (await index())[1] as Member;
  await truncate(path, second.offset - 200);
  const { code, params } = await refusal(index);
  expect([code, params['member'], params['missing']]).toEqual(['ova.truncated', 'the member after vm.ovf', 200]);
});

test('refuses a size beyond the file, beyond 2^53 and below zero', async () => {
  await writeTar(path, [{ name: 'x', content: Buffer.from('x'), claimedBytes: 2 ** 40 }], { headers: 'base256' });
  expect((await refusal(index)).code).toBe('ova.truncated');
  for (const bytes of [0x80ffffffffffffffn, 0xffffffffffffffffn]) {
    const block = tarBlock({ name: 'x', size: 0, type: '0', linkName: '', magic: '' });
    block.writeBigUInt64BE(bytes, 124);
    block.writeUInt32BE(0xffffffff, 132);
    await writeFile(
      path,
      Buffer.concat([tarBlock({ name: 'a', size: 0, type: '0', linkName: '', magic: '' }), withChecksum(block)]),
    );
    expect((await refusal(index)).code).toBe('ova.bad_header');
  }
});

test('refuses a header whose checksum is wrong', async () => {
  await writeTar(path, plain);
  const block = tarBlock({ name: 'x', size: 0, type: '0', linkName: '', magic: '' });
  block[0] = 0x79;
  await writeFile(path, Buffer.concat([tarBlock({ name: 'a', size: 0, type: '0', linkName: '', magic: '' }), block]));
  expect((await refusal(index)).code).toBe('ova.bad_header');
});

test('refuses more headers than any OVA has', async () => {
  const one = tarBlock({ name: 'x', size: 0, type: '0', linkName: '', magic: '' });
  await writeFile(path, Buffer.concat(Array.from({ length: 4_097 }, () => one)));
  expect((await refusal(index)).code).toBe('ova.too_many_members');
});

test('refuses a name that is longer than any', async () => {
  await writeTar(path, [{ name: 'x', type: 'L', content: { hole: 2 ** 21 } }, ...plain]);
  expect((await refusal(index)).code).toBe('ova.bad_header');
});

const others: [string, Buffer, string][] = [
  ['an empty file', Buffer.alloc(0), 'it is empty or too short'],
  ['a gzip file', Buffer.concat([Buffer.from([0x1f, 0x8b]), randomBytes(600)]), 'it is compressed with gzip'],
  ['a VMDK', Buffer.concat([Buffer.from('KDMV'), Buffer.alloc(600)]), 'it is a VMDK disk image'],
  ['zeros', Buffer.alloc(10_240), 'its first block is no tar header'],
];
for (const [what, data, looks] of others) {
  test(`tells ${what} from an archive`, async () => {
    await writeFile(path, data);
    const { code, params } = await refusal(index);
    expect([code, params['looks']]).toEqual(['ova.not_an_archive', looks]);
  });
}
