/** Messages of the NBD protocol as bytes; all integers are big-endian. */
import { commands, optionMagic, requestHeaderBytes, requestMagic } from './constants.ts';

/** What an NBD peer did that the protocol does not allow. The connection ends with it. */
export class ProtocolError extends Error {}

export function encodeOption(option: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const message = Buffer.alloc(16 + data.length);
  message.writeBigUInt64BE(optionMagic, 0);
  message.writeUInt32BE(option, 8);
  message.writeUInt32BE(data.length, 12);
  data.copy(message, 16);
  return message;
}

/** A string as options carry it: length, then UTF-8. */
export function encodeString(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const encoded = Buffer.alloc(4 + bytes.length);
  encoded.writeUInt32BE(bytes.length, 0);
  bytes.copy(encoded, 4);
  return encoded;
}

export type Request = {
  readonly flags: number;
  readonly type: number;
  /** Opaque to the server; two halves, because 64 bits do not fit a number. */
  readonly cookieHigh: number;
  readonly cookieLow: number;
  readonly offset: number;
  readonly length: number;
};

export function encodeRequest(request: Request): Buffer {
  const header = Buffer.allocUnsafe(requestHeaderBytes);
  header.writeUInt32BE(requestMagic, 0);
  header.writeUInt16BE(request.flags, 4);
  header.writeUInt16BE(request.type, 6);
  header.writeUInt32BE(request.cookieHigh, 8);
  header.writeUInt32BE(request.cookieLow, 12);
  header.writeBigUInt64BE(BigInt(request.offset), 16);
  header.writeUInt32BE(request.length, 24);
  return header;
}

export const disconnectRequest = encodeRequest({
  flags: 0,
  type: commands.disconnect,
  cookieHigh: 0,
  cookieLow: 0,
  offset: 0,
  length: 0,
});

/** @throws ProtocolError when it is not a request, or one beyond what a number can say. */
export function decodeRequest(header: Buffer): Request {
  const magic = header.readUInt32BE(0);
  if (magic !== requestMagic) throw new ProtocolError(`a request begins with 0x${magic.toString(16)}`);
  return {
    flags: header.readUInt16BE(4),
    type: header.readUInt16BE(6),
    cookieHigh: header.readUInt32BE(8),
    cookieLow: header.readUInt32BE(12),
    offset: readSize(header, 16),
    length: header.readUInt32BE(24),
  };
}

/** A 64-bit number that becomes infinite where a double is no longer exact: then every range check refuses it. */
export function readSize(buffer: Buffer, at: number): number {
  const value = buffer.readBigUInt64BE(at);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Number.POSITIVE_INFINITY;
}
