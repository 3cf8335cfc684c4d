import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { WherryError } from '../../model/errors.ts';
import { runChild } from '../../process/child.ts';
import type { Disk } from '../disk.ts';
import { testDisk, testPattern } from '../test-disk.ts';
import { connectNbd } from './client.ts';
import { commands, errnos } from './constants.ts';
import { type ServeOptions, serveNbd } from './server.ts';
import { testFolder } from './test-peers.ts';
import { encodeRequest } from './wire.ts';

const { signal } = new AbortController();
const MiB = 1024 * 1024;
const run = (command: string, ...args: string[]) => runChild(command, args, { timeoutMs: 20_000 });

async function serve(disk: Disk, options: Omit<ServeOptions, 'socketPath'>) {
  const folder = await testFolder();
  const server = await serveNbd(disk, { socketPath: join(folder.path, 's'), ...options }, signal);
  const name = options.exportName ?? '';
  return {
    ...server,
    folder: folder.path,
    uri: `nbd+unix:///${name}?socket=${server.socketPath}`,
    async [Symbol.asyncDispose]() {
      await server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function sparseContent(): Buffer {
  const content = testPattern(24 * MiB);
  content.fill(0, 4 * MiB, 12 * MiB);
  return content;
}

test('nbdcopy, nbdinfo and qemu-img read a disk of ours, with its holes', async () => {
  const content = sparseContent();
  await using server = await serve(testDisk(content), { exportName: 'disk 1', readOnly: true });
  const uri = `nbd+unix:///disk%201?socket=${server.socketPath}`;
  const copy = join(server.folder, 'copy');
  await run('nbdcopy', uri, copy);
  expect((await readFile(copy)).equals(content)).toBe(true);
  expect(server.stats().bytesRead).toBeLessThan(18 * MiB);

  const info = JSON.parse(await run('nbdinfo', '--json', '--list', uri));
  expect(info.exports[0]).toMatchObject({
    'export-name': 'disk 1',
    'export-size': content.length,
    is_read_only: true,
    can_multi_conn: true,
    block_size_preferred: 65536,
    block_size_maximum: 32 * MiB,
  });
  const map = JSON.parse(await run('nbdinfo', '--map', '--json', uri));
  expect(map.map((extent: { length: number; type: number }) => [extent.length, extent.type])).toEqual([
    [4 * MiB, 0],
    [8 * MiB, 3],
    [12 * MiB, 0],
  ]);
  const qemu = JSON.parse(await run('qemu-img', 'map', '--output=json', uri));
  expect(qemu.map((extent: { zero: boolean }) => extent.zero)).toEqual([false, true, false]);
  const converted = join(server.folder, 'converted.qcow2');
  await run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', '-m', '16', '-W', uri, converted);
  await run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', uri, converted);
  await writeFile(copy, 'x', { flag: 'r+' });
  await expect(run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', uri, copy)).rejects.toThrow('code 1');
  expect(server.stats().errors).toBe(0);
});

test('nbdcopy and qemu-img write a disk of ours, and flush it', async () => {
  const content = sparseContent();
  const disk = testDisk(testPattern(content.length, 42));
  await using server = await serve(disk, { exportName: '', readOnly: false });
  const source = join(server.folder, 'source');
  await writeFile(source, content);
  await run('nbdcopy', '--flush', source, server.uri);
  expect(disk.content.equals(content)).toBe(true);
  expect(disk.flushes).toBeGreaterThan(0);
  disk.content.fill(7);
  await run('qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', '-W', source, server.uri);
  expect(disk.content.equals(content)).toBe(true);
  expect(server.stats().writes).toBeGreaterThan(10);
});

test('our client and our server understand each other, also about zeros', async () => {
  const content = sparseContent();
  const disk = testDisk(Buffer.from(content));
  await using server = await serve(disk, { exportName: 'x', readOnly: false });
  const client = await connectNbd({ socketPath: server.socketPath, exportName: 'x' }, signal);
  try {
    expect((await client.read(0, content.length, signal)).equals(content)).toBe(true);
    await client.zero(13 * MiB, MiB, signal);
    await client.write(5 * MiB + 1, content.subarray(0, 3 * MiB), signal);
    content.copy(content, 5 * MiB + 1, 0, 3 * MiB);
    content.fill(0, 13 * MiB, 14 * MiB);
    expect(disk.content.equals(content)).toBe(true);
    await client.flush(signal);
    expect(disk.flushes).toBe(1);
    const extents = await Array.fromAsync(client.extents({ offset: 0, length: content.length }, signal));
    expect(extents.map(({ kind }) => kind)).toEqual(['data', 'zero', 'data', 'zero', 'data', 'zero', 'data']);
  } finally {
    await client.close();
  }
});

test('a disk with a hundred thousand extents is told in portions', async () => {
  const size = 200_000 * 512;
  const disk: Disk = {
    ...testDisk(Buffer.alloc(0)),
    sizeBytes: size,
    async *extents({ offset, length }) {
      for (let at = offset; at < offset + length; at += 512) {
        yield { offset: at, length: 512, kind: (at / 512) % 2 === 0 ? 'data' : 'zero' };
      }
    },
  };
  await using server = await serve(disk, { readOnly: true });
  const client = await connectNbd({ socketPath: server.socketPath }, signal);
  let count = 0;
  let end = 0;
  for await (const extent of client.extents({ offset: 0, length: size }, signal)) {
    expect(extent.offset).toBe(end);
    end += extent.length;
    count += 1;
  }
  await client.close();
  expect([count, end]).toEqual([200_000, size]);
});

test('a read-only export refuses every change with EPERM, whatever the client thinks', async () => {
  const disk = testDisk(testPattern(MiB));
  await using server = await serve(disk, { readOnly: true });
  const replies = await rawRequests(server.socketPath, [
    { type: commands.write, offset: 0, length: 4, payload: Buffer.from('evil') },
    { type: commands.writeZeroes, offset: 0, length: 512 },
    { type: commands.trim, offset: 0, length: 512 },
  ]);
  expect(replies).toEqual([errnos.EPERM, errnos.EPERM, errnos.EPERM]);
  expect(disk.content.equals(testPattern(MiB))).toBe(true);
});

test('requests that make no sense are refused, and the connection goes on', async () => {
  await using server = await serve(testDisk(testPattern(MiB)), { readOnly: false });
  const replies = await rawRequests(server.socketPath, [
    { type: commands.read, offset: MiB - 1, length: 2 },
    { type: commands.read, offset: Number.MAX_SAFE_INTEGER, length: 1 },
    { type: commands.read, offset: 0, length: 0xffff_ffff },
    { type: commands.write, offset: MiB - 1, length: 2, payload: Buffer.from('no') },
    { type: commands.blockStatus, offset: 0, length: 512 },
    { type: 99, offset: 0, length: 0 },
    { type: commands.flush, flags: 0x4000, offset: 0, length: 0 },
    { type: commands.flush, offset: 0, length: 0 },
  ]);
  const { EINVAL, ENOSPC } = errnos;
  expect(replies).toEqual([EINVAL, EINVAL, EINVAL, ENOSPC, EINVAL, EINVAL, EINVAL, 0]);
});

test('noise on the socket ends that client only, and is reported', async () => {
  const reported: string[] = [];
  const onError = (_error: unknown, what: string): void => void reported.push(what);
  await using server = await serve(testDisk(testPattern(MiB)), { readOnly: true, onError });
  const client = await connectNbd({ socketPath: server.socketPath }, signal);
  const noise = connect(server.socketPath);
  noise.on('error', () => undefined);
  noise.write(testPattern(100_000));
  await new Promise((resolve) => {
    noise.on('close', resolve);
    noise.resume();
  });
  expect(reported).toEqual(['client']);
  expect((await client.read(0, MiB, signal)).equals(testPattern(MiB))).toBe(true);
  await client.close();
});

test('a read error of the disk is EIO for the client and reported with its place; nbdcopy fails with it', async () => {
  const reported: string[] = [];
  const broken = { ...testDisk(testPattern(4 * MiB)) };
  broken.read = async (offset, length, readSignal) => {
    if (offset + length > 2 * MiB) throw new WherryError('transfer.source_shrank', { path: 'a', end: 1, needed: 2 });
    return testDisk(broken.content).read(offset, length, readSignal);
  };
  await using server = await serve(broken, { readOnly: true, onError: (_error, what) => void reported.push(what) });
  const client = await connectNbd({ socketPath: server.socketPath }, signal);
  expect((await client.read(0, MiB, signal)).equals(testPattern(4 * MiB).subarray(0, MiB))).toBe(true);
  const failed = client.read(2 * MiB, 4096, signal);
  await expect(failed).rejects.toMatchObject({ code: 'transfer.read_failed', params: { errno: 'EIO' } });
  await expect(failed).rejects.toHaveProperty('cause.message', expect.stringContaining('ends at byte 1'));
  await client.close();
  expect(reported).toEqual([`4096 bytes at ${2 * MiB}`]);
  await expect(run('nbdcopy', server.uri, 'null:')).rejects.toThrow('nbdcopy');
  expect(server.stats().errors).toBeGreaterThan(1);
});

test('a client that asks for everything and reads nothing costs a bounded amount of memory', async () => {
  let inFlight = 0;
  let most = 0;
  const disk = { ...testDisk(Buffer.alloc(0)), sizeBytes: 1024 * MiB };
  disk.read = async (_offset, length) => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    await sleep(5);
    inFlight -= 1;
    return Buffer.alloc(length, 1);
  };
  await using server = await serve(disk, { readOnly: true });
  const client = await connectNbd({ socketPath: server.socketPath, connections: 1 }, signal);
  const reads = Array.from({ length: 128 }, (_, index) => client.read(index * MiB, MiB, signal));
  await Promise.all(reads);
  await client.close();
  expect(most).toBeGreaterThan(4);
  expect(most).toBeLessThanOrEqual(16);
});

test('only the owner can reach the socket, and a folder that others may enter is refused', async () => {
  const disk = testDisk(testPattern(MiB));
  await using server = await serve(disk, { readOnly: true });
  expect((await stat(server.socketPath)).mode & 0o777).toBe(0o600);
  const open = join(server.folder, 'open');
  await mkdir(open);
  await chmod(open, 0o755);
  await expect(serveNbd(disk, { socketPath: join(open, 's'), readOnly: true }, signal)).rejects.toThrow(
    'lets others in',
  );
  const made = await serveNbd(disk, { socketPath: join(server.folder, 'new', 's'), readOnly: true }, signal);
  expect((await stat(join(server.folder, 'new'))).mode & 0o777).toBe(0o700);
  await made.close();
});

test('closing ends clients whose reads hang, cancels those reads, and removes the socket; so does the signal', async () => {
  const hanging = { ...testDisk(testPattern(MiB)) };
  let canceled = 0;
  hanging.read = (_offset, _length, readSignal) =>
    new Promise((_resolve, reject) => {
      readSignal.addEventListener('abort', () => {
        canceled += 1;
        reject(new Error('canceled'));
      });
    });
  await using folder = await testFolder();
  for (const how of ['close', 'signal']) {
    const stop = new AbortController();
    const socketPath = join(folder.path, 's');
    const server = await serveNbd(hanging, { socketPath, readOnly: true }, stop.signal);
    const client = await connectNbd({ socketPath }, signal);
    const read = client.read(0, 4096, signal);
    const outcome = read.catch((error: unknown) => error);
    await sleep(20);
    if (how === 'signal') stop.abort();
    await server.close();
    expect(await outcome).toMatchObject({ code: 'transfer.connection_lost' });
    await client.close();
    await expect(stat(socketPath)).rejects.toThrow('ENOENT');
  }
  expect(canceled).toBe(2);
});

type Raw = { type: number; offset: number; length: number; flags?: number; payload?: Buffer };

/** Talks to the server without our client: EXPORT_NAME, simple replies. Gives the error number of each reply. */
async function rawRequests(socketPath: string, requests: Raw[]): Promise<number[]> {
  const socket = connect(socketPath);
  let heard = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    heard = Buffer.concat([heard, chunk]);
  });
  const until = async (bytes: number): Promise<Buffer> => {
    const deadline = AbortSignal.timeout(3_000);
    while (heard.length < bytes) await sleep(2, undefined, { signal: deadline });
    const taken = heard.subarray(0, bytes);
    heard = heard.subarray(bytes);
    return taken;
  };
  await until(18);
  socket.write(
    Buffer.concat([Buffer.from([0, 0, 0, 3]), Buffer.from('IHAVEOPT'), Buffer.from([0, 0, 0, 1, 0, 0, 0, 0])]),
  );
  await until(10);
  const errors: number[] = [];
  for (const [index, request] of requests.entries()) {
    const header = encodeRequest({ flags: 0, cookieHigh: 5, cookieLow: index, ...request });
    socket.write(Buffer.concat([header, request.payload ?? Buffer.alloc(0)]));
    const reply = await until(16);
    expect([reply.readUInt32BE(8), reply.readUInt32BE(12)]).toEqual([5, index]);
    errors.push(reply.readUInt32BE(4));
  }
  socket.destroy();
  return errors;
}
