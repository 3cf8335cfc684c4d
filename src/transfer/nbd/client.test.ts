import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runChild } from '../../process/child.ts';
import type { Extent } from '../disk.ts';
import { testPattern } from '../test-disk.ts';
import { connectNbd } from './client.ts';
import { nbdkit, testFolder } from './test-peers.ts';

const { signal } = new AbortController();
const MiB = 1024 * 1024;

async function list(extents: AsyncIterable<Extent>): Promise<Extent[]> {
  return Array.fromAsync(extents);
}

test('what is written to nbdkit over several connections is read back, and its holes are known', async () => {
  await using folder = await testFolder();
  await using server = await nbdkit(folder.path, 'memory', '32M');
  const disk = await connectNbd({ socketPath: server.socketPath, startsZeroed: true }, signal);
  try {
    expect(disk).toMatchObject({ sizeBytes: 32 * MiB, connectionCount: 4, readOnly: false, startsZeroed: true });
    const content = testPattern(6 * MiB + 512);
    await disk.write(3 * MiB, content, signal);
    await disk.flush(signal);
    expect((await disk.read(3 * MiB, content.length, signal)).equals(content)).toBe(true);
    await disk.zero(4 * MiB, MiB, signal);
    content.fill(0, MiB, 2 * MiB);
    expect((await disk.read(3 * MiB, content.length, signal)).equals(content)).toBe(true);
    expect(content.some((byte) => byte !== 0)).toBe(true);
    const extents = await list(disk.extents({ offset: MiB, length: 30 * MiB }, signal));
    expect(extents.map(({ kind }) => kind)).toEqual(['zero', 'data', 'zero', 'data', 'zero']);
    expect(extents[0]).toEqual({ offset: MiB, length: 2 * MiB, kind: 'zero' });
    expect(extents.reduce((sum, { length }) => sum + length, 0)).toBe(30 * MiB);
    await disk.trim(3 * MiB, MiB, signal);
  } finally {
    await disk.close();
  }
  await disk.close();
  await expect(disk.read(0, 512, signal)).rejects.toMatchObject({ code: 'transfer.connection_lost' });
});

test.each([
  ['without structured replies', ['--no-sr'], []],
  ['without extents', [], ['--filter=noextents']],
])('a server %s gives the same bytes and calls everything data', async (_name, flags, filters) => {
  await using folder = await testFolder();
  const content = testPattern(3 * MiB);
  await writeFile(join(folder.path, 'disk'), content);
  await using server = await nbdkit(folder.path, ...flags, ...filters, 'file', join(folder.path, 'disk'));
  const disk = await connectNbd({ socketPath: server.socketPath }, signal);
  try {
    expect((await disk.read(1000, 2 * MiB, signal)).equals(content.subarray(1000, 1000 + 2 * MiB))).toBe(true);
    const extents = await list(disk.extents({ offset: 512, length: 2 * MiB }, signal));
    expect(extents).toEqual([{ offset: 512, length: 2 * MiB, kind: 'data' }]);
    expect(await list(disk.extents({ offset: 0, length: 0 }, signal))).toEqual([]);
  } finally {
    await disk.close();
  }
});

test('block sizes of the server are honoured, whatever is asked, to the last odd byte of the disk', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'disk');
  const content = testPattern(256 * 1024);
  await writeFile(path, content);
  await using server = await nbdkit(
    folder.path,
    '--filter=blocksize-policy',
    'file',
    path,
    'blocksize-minimum=4096',
    'blocksize-preferred=4096',
    'blocksize-maximum=65536',
    'blocksize-error-policy=error',
  );
  const disk = await connectNbd({ socketPath: server.socketPath }, signal);
  try {
    expect((await disk.read(5, 200_000, signal)).equals(content.subarray(5, 200_005))).toBe(true);
    // Neighbours that share blocks, all at once: none may undo the other.
    const change = testPattern(20_000, 99);
    const cuts = [0, 10, 700, 4000, 4096, 4100, 9000, 20_000];
    await Promise.all(
      cuts.slice(1).map((end, index) => disk.write(3000 + cuts[index]!, change.subarray(cuts[index], end), signal)),
    );
    change.copy(content, 3000);
    await disk.zero(40_001, 9_999, signal);
    content.fill(0, 40_001, 50_000);
    await disk.write(content.length - 3, Buffer.from('end'), signal);
    content.write('end', content.length - 3);
    await disk.flush(signal);
    expect((await disk.read(0, content.length, signal)).equals(content)).toBe(true);
  } finally {
    await disk.close();
  }
  expect((await readFile(path)).equals(content)).toBe(true);
});

test('a disk that does not end on a whole block is read and written to its end', async () => {
  await using folder = await testFolder();
  const path = join(folder.path, 'disk');
  const content = testPattern(100_001);
  await writeFile(path, content);
  await using server = await nbdkit(folder.path, 'file', path);
  const disk = await connectNbd({ socketPath: server.socketPath }, signal);
  try {
    expect(disk.sizeBytes).toBe(100_001);
    expect((await disk.read(0, 100_001, signal)).equals(content)).toBe(true);
    await disk.write(100_000, Buffer.from('x'), signal);
    expect((await disk.read(99_999, 2, signal)).subarray(1).toString()).toBe('x');
    await expect(disk.read(100_000, 2, signal)).rejects.toThrow('past the end');
  } finally {
    await disk.close();
  }
});

test('a deep queue hides the latency of every single read', async () => {
  await using folder = await testFolder();
  await using server = await nbdkit(folder.path, '--filter=delay', 'pattern', '64M', 'rdelay=50ms');
  const disk = await connectNbd({ socketPath: server.socketPath }, signal);
  try {
    const started = performance.now();
    const reads = await Promise.all(Array.from({ length: 32 }, (_, index) => disk.read(index * 65536, 65536, signal)));
    // 1.6 s one after the other; nbdkit works on 16 per connection.
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(reads[3]!.readBigUInt64BE(8)).toBe(BigInt(3 * 65536 + 8));
  } finally {
    await disk.close();
  }
});

test('a read error of the server is an error with its name, place and number, and never data', async () => {
  await using folder = await testFolder();
  await using server = await nbdkit(
    folder.path,
    '--filter=error',
    'pattern',
    '8M',
    'error-pread=EIO',
    'error-pread-rate=100%',
    `error-pread-file=${join(folder.path, 'fail')}`,
  );
  const disk = await connectNbd({ socketPath: server.socketPath, where: 'disk 1 of VM a' }, signal);
  try {
    expect((await disk.read(8, 8, signal)).readBigUInt64BE()).toBe(8n);
    await writeFile(join(folder.path, 'fail'), '');
    await expect(disk.read(MiB, 4096, signal)).rejects.toMatchObject({
      code: 'transfer.read_failed',
      passing: true,
      params: { where: 'disk 1 of VM a', offset: MiB, length: 4096, errno: 'EIO' },
    });
    await expect(disk.read(MiB, 4 * MiB, signal)).rejects.toMatchObject({ code: 'transfer.read_failed' });
  } finally {
    await disk.close();
  }
});

test('a full target is told as such, not as something that may pass', async () => {
  await using folder = await testFolder();
  await using server = await nbdkit(folder.path, 'full', '8M');
  const disk = await connectNbd({ socketPath: server.socketPath }, signal);
  try {
    const failed = disk.write(MiB, testPattern(4096), signal);
    await expect(failed).rejects.toMatchObject({ code: 'transfer.no_space', passing: false, params: { offset: MiB } });
  } finally {
    await disk.close();
  }
});

test('a read-only export cannot be written, and says so before anything is sent', async () => {
  await using folder = await testFolder();
  await using server = await nbdkit(folder.path, '-r', 'memory', '1M');
  const disk = await connectNbd({ socketPath: server.socketPath }, signal);
  try {
    expect(disk.readOnly).toBe(true);
    const readOnly = { code: 'transfer.read_only' };
    await expect(disk.write(0, Buffer.alloc(512), signal)).rejects.toMatchObject(readOnly);
    await expect(disk.zero(0, 512, signal)).rejects.toMatchObject(readOnly);
    await expect(disk.trim(0, 512, signal)).rejects.toMatchObject(readOnly);
  } finally {
    await disk.close();
  }
});

test('a server that cannot zero gets zeros, one that cannot flush cannot promise anything', async () => {
  await using folder = await testFolder();
  await using server = await nbdkit(
    folder.path,
    'eval',
    'get_size=echo 1048576',
    `pread=dd if=${folder.path}/d bs=65536 iflag=skip_bytes,count_bytes skip=$4 count=$3 2>/dev/null`,
    `pwrite=dd of=${folder.path}/d conv=notrunc oflag=seek_bytes seek=$4 2>/dev/null`,
    'can_write=exit 0',
    'can_zero=exit 3',
    'can_flush=exit 3',
  );
  await writeFile(join(folder.path, 'd'), testPattern(MiB));
  const disk = await connectNbd({ socketPath: server.socketPath }, signal);
  try {
    await disk.zero(65_536, 131_072, signal);
    const expected = testPattern(MiB).fill(0, 65_536, 65_536 + 131_072);
    expect((await disk.read(0, MiB, signal)).equals(expected)).toBe(true);
    await expect(disk.flush(signal)).rejects.toMatchObject({ code: 'transfer.flush_unsupported' });
  } finally {
    await disk.close();
  }
});

test('an export that is not there is refused in the server’s words; a server that is not there may come back', async () => {
  await using folder = await testFolder();
  await using server = await nbdkit(
    folder.path,
    '--filter=exportname',
    'memory',
    '1M',
    'exportname=a',
    'exportname-strict=true',
  );
  await expect(connectNbd({ socketPath: server.socketPath, exportName: 'b' }, signal)).rejects.toMatchObject({
    code: 'transfer.nbd_refused',
    params: { exportName: 'b' },
  });
  await expect(connectNbd({ socketPath: join(folder.path, 'nobody') }, signal)).rejects.toMatchObject({
    code: 'transfer.connect_failed',
    passing: true,
  });
  const disk = await connectNbd({ socketPath: server.socketPath, exportName: 'a' }, signal);
  expect(disk.sizeBytes).toBe(MiB);
  await disk.close();
});

test('killing the server fails everything that is pending, at once and as passing', async () => {
  await using folder = await testFolder();
  await using server = await nbdkit(folder.path, '--filter=delay', 'pattern', '64M', 'rdelay=30');
  const disk = await connectNbd({ socketPath: server.socketPath }, signal);
  const reads = Array.from({ length: 8 }, (_, index) => disk.read(index * MiB, MiB, signal));
  const outcome = Promise.allSettled(reads);
  server.child.process.kill('SIGKILL');
  for (const result of await outcome) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'transfer.connection_lost', passing: true } });
  }
  await expect(disk.read(0, 1, signal)).rejects.toMatchObject({ code: 'transfer.connection_lost' });
  await disk.close();
});

test('a canceled read into the caller’s buffer gives it back only when nothing writes to it any more', async () => {
  await using folder = await testFolder();
  await using server = await nbdkit(folder.path, '--filter=delay', 'pattern', '8M', 'rdelay=400ms');
  const disk = await connectNbd({ socketPath: server.socketPath }, signal);
  const buffer = Buffer.alloc(MiB);
  const cancel = new AbortController();
  const reading = disk.readInto(0, buffer, cancel.signal);
  setTimeout(() => cancel.abort(new Error('enough')), 50);
  await expect(reading).rejects.toThrow('enough');
  buffer.fill(0xaa);
  await sleep(600);
  expect(buffer.equals(Buffer.alloc(MiB, 0xaa))).toBe(true);
  // Control: that content is what would have come.
  await disk.readInto(0, buffer, signal);
  expect(buffer.readBigUInt64BE(8)).toBe(8n);
  await disk.close();
});

test('a canceled read rejects at once with the reason, and the disk goes on', async () => {
  await using folder = await testFolder();
  await using server = await nbdkit(folder.path, '--filter=delay', 'pattern', '8M', 'rdelay=300ms');
  const disk = await connectNbd({ socketPath: server.socketPath, connections: 1 }, signal);
  try {
    const cancel = new AbortController();
    const started = performance.now();
    const read = disk.read(0, MiB, cancel.signal);
    cancel.abort(new Error('enough'));
    await expect(read).rejects.toThrow('enough');
    expect(performance.now() - started).toBeLessThan(250);
    await expect(disk.read(0, 8, cancel.signal)).rejects.toThrow('enough');
    expect((await disk.read(16, 8, signal)).readBigUInt64BE()).toBe(16n);
  } finally {
    await disk.close();
  }
});

test('over TCP it is the same', async () => {
  await using folder = await testFolder();
  await writeFile(join(folder.path, 'disk'), testPattern(5 * MiB));
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const args = [
    '-f',
    '-i',
    '127.0.0.1',
    '-p',
    String(port),
    '-P',
    join(folder.path, 'pid'),
    'file',
    join(folder.path, 'disk'),
  ];
  const running = new AbortController();
  const deadline = AbortSignal.timeout(5_000);
  const server = runChild('nbdkit', args, { signal: running.signal, timeoutMs: 20_000 }).catch(() => '');
  try {
    while (!existsSync(join(folder.path, 'pid'))) await sleep(5, undefined, { signal: deadline });
    const disk = await connectNbd({ host: '127.0.0.1', port }, signal);
    expect((await disk.read(0, 5 * MiB, signal)).equals(testPattern(5 * MiB))).toBe(true);
    await disk.close();
  } finally {
    running.abort();
    await server;
  }
});
