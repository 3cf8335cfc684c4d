import { type Socket, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connectNbd } from './client.ts';
import { chunkDone, initMagic, optionMagic, optionReplyMagic, structuredReplyMagic } from './constants.ts';
import { testFolder } from './test-peers.ts';

const { signal } = new AbortController();

/** A server that says what a test tells it to. `talk` gets the socket and every piece of what the client sends. */
async function liar(folder: string, talk: (socket: Socket, heard: Buffer, turn: number) => void) {
  const socketPath = join(folder, 'liar');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let turn = 0;
    socket.on('error', () => undefined);
    talk(socket, Buffer.alloc(0), turn++);
    socket.on('data', (heard: Buffer) => talk(socket, heard, turn++));
  });
  await new Promise<void>((resolve) => {
    server.listen(socketPath, resolve);
  });
  return {
    socketPath,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function greeting(init = initMagic, option = optionMagic, flags = 3): Buffer {
  const bytes = Buffer.alloc(18);
  bytes.writeBigUInt64BE(init, 0);
  bytes.writeBigUInt64BE(option, 8);
  bytes.writeUInt16BE(flags, 16);
  return bytes;
}

function reply(option: number, type: number, data: Buffer = Buffer.alloc(0), length = data.length): Buffer {
  const header = Buffer.alloc(20);
  header.writeBigUInt64BE(optionReplyMagic, 0);
  header.writeUInt32BE(option, 8);
  header.writeUInt32BE(type, 12);
  header.writeUInt32BE(length, 16);
  return Buffer.concat([header, data]);
}

function exportInfo(size: bigint, flags: number): Buffer {
  const data = Buffer.alloc(12);
  data.writeBigUInt64BE(size, 2);
  data.writeUInt16BE(flags, 10);
  return data;
}

function blockInfo(min: number, preferred: number, max: number): Buffer {
  const data = Buffer.alloc(14);
  data.writeUInt16BE(3, 0);
  data.writeUInt32BE(min, 2);
  data.writeUInt32BE(preferred, 6);
  data.writeUInt32BE(max, 10);
  return data;
}

/** Does the handshake well and then leaves the transmission to the test. */
function handshake(after: (socket: Socket, request: Buffer) => void, go: Buffer[] = [exportInfo(1n << 20n, 1)]) {
  return (socket: Socket, heard: Buffer): void => {
    if (heard.length === 0) socket.write(greeting());
    else if (heard.includes(Buffer.from('IHAVEOPT'))) {
      for (let at = heard.indexOf('IHAVEOPT'); at >= 0; at = heard.indexOf('IHAVEOPT', at + 1)) {
        const option = heard.readUInt32BE(at + 8);
        if (option === 7) for (const info of go) socket.write(reply(7, 3, info));
        socket.write(reply(option, 1));
      }
    } else if (heard.length >= 28) after(socket, heard);
  };
}

const handshakes: [string, (socket: Socket, heard: Buffer, turn: number) => void, string][] = [
  ['is a web server', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), 'transfer.nbd_protocol'],
  ['hangs up', (socket) => socket.end(), 'transfer.connect_failed'],
  ['speaks oldstyle', (socket) => socket.write(greeting(initMagic, 0x420281861253n)), 'transfer.nbd_protocol'],
  ['is not fixed newstyle', (socket) => socket.write(greeting(initMagic, optionMagic, 0)), 'transfer.nbd_protocol'],
  [
    'claims an option reply of four gigabytes',
    (socket, _heard, turn) => socket.write(turn === 0 ? greeting() : reply(8, 1, Buffer.alloc(0), 0xffff_ffff)),
    'transfer.nbd_protocol',
  ],
  [
    'answers another option',
    (socket, _heard, turn) => socket.write(turn === 0 ? greeting() : reply(99, 1)),
    'transfer.nbd_protocol',
  ],
  [
    'never ends its answer',
    (socket, _heard, turn) => {
      if (turn === 0) socket.write(greeting());
      else for (let count = 0; count < 5000; count++) socket.write(reply(8, 2));
    },
    'transfer.nbd_protocol',
  ],
  ['tells no size', handshake(() => undefined, []), 'transfer.nbd_protocol'],
  ['has 16 EiB', handshake(() => undefined, [exportInfo(0xffff_ffff_ffff_ffffn, 1)]), 'transfer.nbd_protocol'],
  ['has no valid flags', handshake(() => undefined, [exportInfo(1n << 20n, 0)]), 'transfer.nbd_protocol'],
  [
    'has senseless block sizes',
    handshake(() => undefined, [exportInfo(1n << 20n, 1), blockInfo(3, 0, 0)]),
    'transfer.nbd_protocol',
  ],
];

test.each(handshakes)('a server that %s is a clean failure', async (_name, talk, code) => {
  await using folder = await testFolder();
  await using server = await liar(folder.path, talk);
  await expect(connectNbd({ socketPath: server.socketPath }, signal)).rejects.toMatchObject({ code });
});

test('connecting to a server that says nothing ends with the signal', async () => {
  await using folder = await testFolder();
  await using server = await liar(folder.path, () => undefined);
  const timeout = AbortSignal.timeout(100);
  await expect(connectNbd({ socketPath: server.socketPath }, timeout)).rejects.toThrow('timeout');
});

test('a server that answers a request that nobody made loses all of them, and nobody gets a byte', async () => {
  await using folder = await testFolder();
  const talk = handshake((socket, request) => {
    const chunk = Buffer.alloc(28 + 4096);
    chunk.writeUInt32BE(structuredReplyMagic, 0);
    chunk.writeUInt16BE(chunkDone, 4);
    chunk.writeUInt16BE(1, 6);
    request.copy(chunk, 8, 8, 16);
    chunk.writeUInt32BE(chunk.readUInt32BE(12) + 1000, 12);
    chunk.writeUInt32BE(8 + 4096, 16);
    socket.write(chunk);
  });
  await using server = await liar(folder.path, talk);
  const disk = await connectNbd({ socketPath: server.socketPath }, signal);
  const results = await Promise.allSettled([disk.read(0, 4096, signal), disk.read(4096, 4096, signal)]);
  for (const result of results) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'transfer.nbd_protocol', passing: false } });
  }
  await disk.close();
});

test('the same server telling the truth is believed', async () => {
  await using folder = await testFolder();
  const talk = handshake((socket, request) => {
    const chunk = Buffer.alloc(28 + 4096, 0x5a);
    chunk.writeUInt32BE(structuredReplyMagic, 0);
    chunk.writeUInt16BE(chunkDone, 4);
    chunk.writeUInt16BE(1, 6);
    request.copy(chunk, 8, 8, 16);
    chunk.writeUInt32BE(8 + 4096, 16);
    request.copy(chunk, 20, 16, 24);
    socket.write(chunk);
  });
  await using server = await liar(folder.path, talk);
  const disk = await connectNbd({ socketPath: server.socketPath }, signal);
  expect((await disk.read(8192, 4096, signal)).equals(Buffer.alloc(4096, 0x5a))).toBe(true);
  await disk.close();
});

test('a write that the server does not take is given back soon after it was canceled', async () => {
  await using folder = await testFolder();
  await using server = await liar(
    folder.path,
    handshake((socket) => socket.pause()),
  );
  const disk = await connectNbd({ socketPath: server.socketPath }, signal);
  const cancel = new AbortController();
  const write = disk.write(0, Buffer.alloc(1 << 20, 1), cancel.signal);
  setTimeout(() => cancel.abort(new Error('enough')), 20);
  await expect(write).rejects.toThrow('enough');
  await expect(disk.read(0, 1, signal)).rejects.toMatchObject({ code: 'transfer.connection_lost' });
  await disk.close();
});
