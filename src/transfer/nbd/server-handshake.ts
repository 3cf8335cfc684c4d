/** The server's half of the fixed newstyle handshake. One export, known by its name and as the default one. */
import type { Socket } from 'node:net';
import {
  allocationContext,
  handshakeFlags,
  infoTypes,
  initMagic,
  maxPayloadBytes,
  optionMagic,
  optionReplies,
  optionReplyMagic,
  options,
  transmissionFlags,
} from './constants.ts';
import type { Incoming } from './incoming.ts';
import { ProtocolError } from './wire.ts';

export type Offer = { readonly exportName: string; readonly sizeBytes: number; readonly flags: number };
export type Agreed = { readonly structured: boolean; readonly contexts: boolean };

/** The only metadata context we have. */
export const allocationId = 1;
const preferredBlockBytes = 64 * 1024;
const maxOptionBytes = 64 * 1024;
const maxOptions = 256;

/** Null when the client only wanted to look. @throws ProtocolError for what no client may send. */
export async function greet(socket: Socket, from: Incoming, offer: Offer): Promise<Agreed | null> {
  const greeting = Buffer.alloc(18);
  greeting.writeBigUInt64BE(initMagic, 0);
  greeting.writeBigUInt64BE(optionMagic, 8);
  greeting.writeUInt16BE(handshakeFlags.fixedNewstyle | handshakeFlags.noZeroes, 16);
  socket.write(greeting);
  const clientFlags = Buffer.alloc(4);
  if (!(await from.fill(clientFlags))) return null;
  const flags = clientFlags.readUInt32BE(0);
  if ((flags & ~(handshakeFlags.fixedNewstyle | handshakeFlags.noZeroes)) !== 0) {
    throw new ProtocolError(`unknown client flags 0x${flags.toString(16)}`);
  }

  let structured = false;
  let contexts = false;
  const reply = (option: number, type: number, data: Buffer = Buffer.alloc(0)): void => {
    const header = Buffer.alloc(20);
    header.writeBigUInt64BE(optionReplyMagic, 0);
    header.writeUInt32BE(option, 8);
    header.writeUInt32BE(type, 12);
    header.writeUInt32BE(data.length, 16);
    socket.write(Buffer.concat([header, data]));
  };
  const known = (name: string): boolean => name === '' || name === offer.exportName;
  const current = (): number => offer.flags | (structured ? transmissionFlags.sendDf : 0);

  for (let count = 0; count < maxOptions; count++) {
    const header = Buffer.alloc(16);
    if (!(await from.fill(header))) return null;
    if (header.readBigUInt64BE(0) !== optionMagic) throw new ProtocolError('an option with the wrong magic');
    const option = header.readUInt32BE(8);
    const length = header.readUInt32BE(12);
    if (length > maxOptionBytes) throw new ProtocolError(`an option claims ${length} bytes`);
    const data = Buffer.alloc(length);
    if (length > 0 && !(await from.fill(data))) return null;

    if (option === options.exportName) {
      // This option has no way to say no but to hang up.
      if (!known(data.toString('utf8'))) throw new ProtocolError('no export of that name');
      const answer = Buffer.alloc((flags & handshakeFlags.noZeroes) === 0 ? 134 : 10);
      answer.writeBigUInt64BE(BigInt(offer.sizeBytes), 0);
      answer.writeUInt16BE(current(), 8);
      socket.write(answer);
      return { structured, contexts };
    }
    if (option === options.abort) {
      reply(option, optionReplies.ack);
      return null;
    }
    if (option === options.list) {
      if (length > 0) reply(option, optionReplies.errInvalid);
      else {
        reply(option, optionReplies.server, sized(offer.exportName));
        reply(option, optionReplies.ack);
      }
    } else if (option === options.structuredReply) {
      structured ||= length === 0;
      reply(option, length === 0 ? optionReplies.ack : optionReplies.errInvalid);
    } else if (option === options.info || option === options.go) {
      const name = firstString(data);
      if (name === null) reply(option, optionReplies.errInvalid);
      else if (!known(name)) reply(option, optionReplies.errUnknown, Buffer.from('there is no such export'));
      else {
        for (const info of infos({ ...offer, flags: current() })) reply(option, optionReplies.info, info);
        reply(option, optionReplies.ack);
        if (option === options.go) return { structured, contexts };
      }
    } else if (option === options.listMetaContext || option === options.setMetaContext) {
      const queries = structured ? contextQueries(data) : null;
      if (queries === null) reply(option, optionReplies.errInvalid);
      else if (!known(queries.exportName)) reply(option, optionReplies.errUnknown);
      else {
        const set = option === options.setMetaContext;
        const all = !set && queries.names.length === 0;
        const wanted = all || queries.names.some((name) => name === allocationContext || (!set && name === 'base:'));
        if (wanted) reply(option, optionReplies.metaContext, contextReply(set ? allocationId : 0));
        if (set) contexts = wanted;
        reply(option, optionReplies.ack);
      }
    } else reply(option, optionReplies.errUnsupported);
  }
  throw new ProtocolError('it never ends its options');
}

function infos(offer: Offer): Buffer[] {
  const facts = Buffer.alloc(12);
  facts.writeUInt16BE(infoTypes.export, 0);
  facts.writeBigUInt64BE(BigInt(offer.sizeBytes), 2);
  facts.writeUInt16BE(offer.flags, 10);
  const blocks = Buffer.alloc(14);
  blocks.writeUInt16BE(infoTypes.blockSize, 0);
  blocks.writeUInt32BE(1, 2);
  blocks.writeUInt32BE(preferredBlockBytes, 6);
  blocks.writeUInt32BE(maxPayloadBytes, 10);
  return [facts, blocks];
}

function contextReply(id: number): Buffer {
  const data = Buffer.alloc(4 + allocationContext.length);
  data.writeUInt32BE(id, 0);
  data.write(allocationContext, 4);
  return data;
}

function sized(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Null when the option's data is not what it must be. */
function firstString(data: Buffer): string | null {
  if (data.length < 4) return null;
  const length = data.readUInt32BE(0);
  return 4 + length > data.length ? null : data.toString('utf8', 4, 4 + length);
}

function contextQueries(data: Buffer): { exportName: string; names: string[] } | null {
  const exportName = firstString(data);
  if (exportName === null) return null;
  let at = 4 + data.readUInt32BE(0);
  if (at + 4 > data.length) return null;
  const count = data.readUInt32BE(at);
  at += 4;
  const names: string[] = [];
  for (let index = 0; index < count; index++) {
    const name = firstString(data.subarray(at));
    if (name === null) return null;
    names.push(name);
    at += 4 + data.readUInt32BE(at);
  }
  return { exportName, names };
}
