import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readLibvirtError } from './libvirt-error.ts';
import { encodeMessage, headerBytes, maxMessageBytes, type Message, messageSplitter } from './message.ts';
import { XdrError, xdrReader, xdrWriter } from './xdr.ts';

test('what was written is read back', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }).filter((s) => !s.includes('\0')),
      fc.option(fc.string().filter((s) => !s.includes('\0'))),
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      fc.bigInt({ min: 0n, max: 2n ** 53n }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      (text, optional, int, hyper, uuid) => {
        const writer = xdrWriter();
        writer.string(text);
        writer.optionalString(optional);
        writer.int(int);
        writer.uhyper(hyper);
        writer.fixed(Buffer.from(uuid));
        const bytes = writer.finish();
        expect(bytes.length % 4).toBe(0);
        const reader = xdrReader(bytes);
        expect(reader.string()).toBe(Buffer.from(text).toString());
        expect(reader.optional((r) => r.string())).toBe(optional);
        expect(reader.int()).toBe(int);
        expect(reader.uhyper()).toBe(Number(hyper));
        expect(reader.fixed(16)).toEqual(Buffer.from(uuid));
        reader.end();
      },
    ),
  );
});

/** The only two ways in which reading hostile bytes may end. */
function readOrRefuse<T>(read: () => T): T | XdrError {
  try {
    return read();
  } catch (error) {
    if (error instanceof XdrError) return error;
    throw error;
  }
}

test('any bytes at all are either an error of libvirt or refused as XDR', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const result = readOrRefuse(() => readLibvirtError(xdrReader(Buffer.from(bytes))));
      expect(['LibvirtError', 'XdrError']).toContain(result.name);
    }),
    { numRuns: 2_000 },
  );
});

test('a count that the message cannot hold is refused before anything is allocated', () => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(0x7fffffff);
  expect(() => xdrReader(bytes).array(0xffffffff, (r) => r.int())).toThrow(XdrError);
  expect(() => xdrReader(bytes).string()).toThrow(XdrError);
});

test('a string that is cut off, or padded with something, is refused', () => {
  const writer = xdrWriter();
  writer.string('abcde');
  const bytes = writer.finish();
  expect(() => xdrReader(bytes.subarray(0, 8)).string()).toThrow(XdrError);
  const dirty = Buffer.from(bytes);
  dirty[dirty.length - 1] = 1;
  expect(() => xdrReader(dirty).string()).toThrow('padding');
  expect(xdrReader(bytes).string()).toBe('abcde');
});

const anyMessage: fc.Arbitrary<Message> = fc.record({
  program: fc.constant(0x20008086),
  version: fc.constant(1),
  procedure: fc.nat(500),
  type: fc.constantFrom(0, 1, 2, 3),
  serial: fc.nat(),
  status: fc.constantFrom(0, 1, 2),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

test('messages are found in a stream however it is cut into pieces', () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 97 })), (messages, cuts) => {
      const stream = Buffer.concat(messages.map(encodeMessage));
      const split = messageSplitter();
      const found: Message[] = [];
      for (let at = 0, i = 0; at < stream.length; i += 1) {
        const length = cuts[i % Math.max(1, cuts.length)] ?? 13;
        found.push(...split(stream.subarray(at, at + length)));
        at += length;
      }
      expect(found).toEqual(messages);
    }),
  );
});

test('a stream that is not libvirt ends in an error, and never in a message larger than allowed', () => {
  expect(() => messageSplitter()(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))).toThrow(XdrError);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const result = readOrRefuse(() => messageSplitter()(Buffer.from(bytes)));
      const payloads = result instanceof XdrError ? [] : result.map((message) => message.payload.length);
      expect(Math.max(0, ...payloads)).toBeLessThanOrEqual(maxMessageBytes - headerBytes);
    }),
    { numRuns: 2_000 },
  );
});
