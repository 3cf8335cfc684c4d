/** The server's replies as bytes; each is a list of buffers to be sent one after the other, without a copy. */
import { allocation, chunkDone, chunkTypes, simpleReplyMagic, structuredReplyMagic } from './constants.ts';
import { allocationId } from './server-handshake.ts';
import type { Request } from './wire.ts';

export type Alike = { length: number; readonly kind: 'data' | 'zero' };

export function statusReply(request: Request, extents: readonly Alike[]): Buffer[] {
  const payload = Buffer.alloc(4 + extents.length * 8);
  payload.writeUInt32BE(allocationId, 0);
  extents.forEach(({ length, kind }, index) => {
    payload.writeUInt32BE(length, 4 + index * 8);
    payload.writeUInt32BE(kind === 'zero' ? allocation.hole | allocation.zero : 0, 8 + index * 8);
  });
  return [chunkHeader(request, chunkTypes.blockStatus, payload.length), payload];
}

export function dataReply(request: Request, data: Buffer, structured: boolean): Buffer[] {
  if (!structured) return [simpleHeader(request, 0), data];
  const offset = Buffer.allocUnsafe(8);
  offset.writeBigUInt64BE(BigInt(request.offset));
  return [chunkHeader(request, chunkTypes.offsetData, 8 + data.length), offset, data];
}

export function doneReply(request: Request, structured: boolean): Buffer[] {
  return [structured ? chunkHeader(request, chunkTypes.none, 0) : simpleHeader(request, 0)];
}

export function errorReply(request: Request, errno: number, words: string, structured: boolean): Buffer[] {
  if (!structured) return [simpleHeader(request, errno)];
  const text = Buffer.from(words.slice(0, 1000), 'utf8');
  const payload = Buffer.alloc(6 + text.length);
  payload.writeUInt32BE(errno, 0);
  payload.writeUInt16BE(text.length, 4);
  text.copy(payload, 6);
  return [chunkHeader(request, chunkTypes.error, payload.length), payload];
}

function simpleHeader(request: Request, errno: number): Buffer {
  const header = Buffer.allocUnsafe(16);
  header.writeUInt32BE(simpleReplyMagic, 0);
  header.writeUInt32BE(errno, 4);
  header.writeUInt32BE(request.cookieHigh, 8);
  header.writeUInt32BE(request.cookieLow, 12);
  return header;
}

function chunkHeader(request: Request, type: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(20);
  header.writeUInt32BE(structuredReplyMagic, 0);
  header.writeUInt16BE(chunkDone, 4);
  header.writeUInt16BE(type, 6);
  header.writeUInt32BE(request.cookieHigh, 8);
  header.writeUInt32BE(request.cookieLow, 12);
  header.writeUInt32BE(length, 16);
  return header;
}
