import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { testPattern } from '../test-disk.ts';
import { chunkDone, chunkTypes, simpleReplyMagic, structuredReplyMagic } from './constants.ts';
import { inbound } from './inbound.ts';
import { type Pending, readReplies } from './replies.ts';
import { ProtocolError } from './wire.ts';

const high = 77;

function chunk(cookie: number, type: number, done: boolean, payload: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt32BE(structuredReplyMagic, 0);
  header.writeUInt16BE(done ? chunkDone : 0, 4);
  header.writeUInt16BE(type, 6);
  header.writeUInt32BE(high, 8);
  header.writeUInt32BE(cookie, 12);
  header.writeUInt32BE(payload.length, 16);
  return Buffer.concat([header, payload]);
}

function data(cookie: number, done: boolean, offset: number, bytes: Buffer): Buffer {
  const at = Buffer.alloc(8);
  at.writeBigUInt64BE(BigInt(offset));
  return chunk(cookie, chunkTypes.offsetData, done, Buffer.concat([at, bytes]));
}

function hole(cookie: number, done: boolean, offset: number, length: number): Buffer {
  const payload = Buffer.alloc(12);
  payload.writeBigUInt64BE(BigInt(offset));
  payload.writeUInt32BE(length, 8);
  return chunk(cookie, chunkTypes.offsetHole, done, payload);
}

function failure(cookie: number, errno: number, words: string, tail = Buffer.alloc(0)): Buffer {
  const payload = Buffer.alloc(6 + words.length);
  payload.writeUInt32BE(errno, 0);
  payload.writeUInt16BE(words.length, 4);
  payload.write(words, 6);
  return chunk(
    cookie,
    tail.length > 0 ? chunkTypes.errorOffset : chunkTypes.error,
    true,
    Buffer.concat([payload, tail]),
  );
}

function simple(cookie: number, errno: number): Buffer {
  const reply = Buffer.alloc(16);
  reply.writeUInt32BE(simpleReplyMagic, 0);
  reply.writeUInt32BE(errno, 4);
  reply.writeUInt32BE(high, 8);
  reply.writeUInt32BE(cookie, 12);
  return reply;
}

function setUp(structured = true) {
  const finished: number[] = [];
  const requests = new Map<number, Pending>();
  const ask = (cookie: number, kind: Pending['kind'], offset: number, length: number): Pending => {
    const target = kind === 'read' ? { target: Buffer.alloc(length, 0xee) } : {};
    const pending = { kind, offset, length, ...target, done: () => void finished.push(cookie) };
    requests.set(cookie, pending);
    return pending;
  };
  const incoming = inbound(readReplies(requests, high, structured));
  /** Gives the bytes in portions as a kernel might. */
  const give = (bytes: Buffer, portions: Iterator<number>): void => {
    for (let at = 0; at < bytes.length; ) {
      const into = incoming.nextBuffer();
      const count = Math.min(into.length, bytes.length - at, portions.next().value ?? 1);
      bytes.copy(into, 0, at, at + count);
      incoming.received(count);
      at += count;
    }
  };
  return { ask, finished, give, requests };
}

const portions = fc.infiniteStream(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 100_000 })));

test('replies arrive whole however the stream is cut', () => {
  const first = testPattern(90_000, 3);
  const second = testPattern(40_000, 5);
  fc.assert(
    fc.property(portions, (cut) => {
      const { ask, finished, give, requests } = setUp();
      const read = ask(1, 'read', 4096, first.length);
      const other = ask(2, 'read', 1_000_000, 60_000);
      const write = ask(3, 'other', 0, 512);
      const failed = ask(4, 'read', 0, 100);
      const bytes = Buffer.concat([
        data(1, false, 4096 + 50_000, first.subarray(50_000)),
        data(2, false, 1_000_000 + 20_000, second),
        simple(3, 0),
        failure(4, 5, 'bad sector', Buffer.alloc(8)),
        hole(2, true, 1_000_000, 20_000),
        data(1, true, 4096, first.subarray(0, 50_000)),
      ]);
      give(bytes, cut);
      expect(finished).toEqual([3, 4, 2, 1]);
      expect(read.target!.equals(first)).toBe(true);
      expect(other.target!.equals(Buffer.concat([Buffer.alloc(20_000), second]))).toBe(true);
      expect(write.error).toBeUndefined();
      expect(failed.error).toEqual({ errno: 5, message: 'bad sector' });
      expect(requests.size).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('simple replies arrive whole however the stream is cut', () => {
  const content = testPattern(70_000, 9);
  fc.assert(
    fc.property(portions, (cut) => {
      const { ask, finished, give } = setUp(false);
      const read = ask(1, 'read', 0, content.length);
      ask(2, 'other', 0, 1);
      give(Buffer.concat([simple(2, 0), simple(1, 0), content]), cut);
      expect(finished).toEqual([2, 1]);
      expect(read.target!.equals(content)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

const lies: [string, Buffer, string][] = [
  ['data for a request that nobody made', data(9, true, 0, Buffer.alloc(10)), 'belongs to no request'],
  ['data before the request', data(1, true, 99, Buffer.alloc(100)), 'outside'],
  ['data past the request', data(1, true, 150, Buffer.alloc(100)), 'outside'],
  ['data at an offset beyond numbers', chunk(1, 1, true, Buffer.alloc(108, 0xff)), 'outside'],
  ['a hole larger than the request', hole(1, true, 100, 0xffff_ffff), 'outside'],
  ['an empty hole', hole(1, true, 100, 0), 'twice'],
  ['success without data', chunk(1, chunkTypes.none, true, Buffer.alloc(0)), 'without all of its data'],
  ['success with half of the data', data(1, true, 100, Buffer.alloc(50)), 'without all of its data'],
  ['the same data twice', Buffer.concat([data(1, false, 100, Buffer.alloc(50)), hole(1, true, 149, 2)]), 'twice'],
  ['a simple reply to a read', simple(1, 0), 'simple reply'],
  ['another client’s cookie', simple(1, 0).fill(1, 8, 12), 'belongs to no request'],
  ['noise', testPattern(64, 4), 'begins with'],
  ['a reply type of its own', chunk(1, 77, true, Buffer.alloc(4)), 'unknown type'],
  ['an error whose text is longer than itself', chunk(1, 0x8001, true, Buffer.from([0, 0, 0, 5, 1, 1])), 'longer'],
  ['an error of a gigabyte', chunk(1, 0x8001, true, Buffer.alloc(6)).fill(0x40, 16, 17), 'claims'],
  ['block status for a read', chunk(1, 5, true, Buffer.alloc(12)), 'nobody asked'],
  ['block status of four gigabytes', chunk(2, 5, true, Buffer.alloc(12)).fill(0xff, 16, 20), 'claims'],
  ['block status with an empty extent', chunk(2, 5, true, Buffer.alloc(12)), 'empty extent'],
  ['data for a write', data(3, true, 0, Buffer.alloc(1)), 'nobody asked'],
];

test.each(lies)('%s ends the connection', (_what, bytes, words) => {
  const { ask, finished, give } = setUp();
  ask(1, 'read', 100, 100);
  ask(2, 'status', 0, 4096);
  ask(3, 'other', 0, 1);
  expect(() => give(bytes, [1e6].values())).toThrow(words);
  expect(finished).toEqual([]);
});

test('an error never looks like success, even with the number zero and after all of the data', () => {
  const { ask, finished, give } = setUp();
  const read = ask(1, 'read', 0, 10);
  give(Buffer.concat([data(1, false, 0, Buffer.alloc(10)), failure(1, 0, '')]), [1e6, 1e6].values());
  expect(finished).toEqual([1]);
  expect(read.error?.errno).toBe(5);
});

test('random bytes never come out as a finished request, and never as anything but a protocol error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.boolean(), (noise, structured) => {
      const { ask, finished, give } = setUp();
      ask(1, 'read', 0, 100);
      const start = structured ? chunk(1, 1, false, Buffer.alloc(0)).subarray(0, 6) : Buffer.alloc(0);
      let thrown: unknown;
      try {
        give(Buffer.concat([start, noise]), [1e6, 1e6].values());
      } catch (error) {
        thrown = error;
      }
      expect(thrown === undefined || thrown instanceof ProtocolError).toBe(true);
      expect(finished).toEqual([]);
    }),
  );
});
