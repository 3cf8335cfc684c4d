/** The client's half of the fixed newstyle handshake, as a parser that also sends (see inbound.ts). */
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
import { ProtocolError, encodeOption, encodeString, readSize } from './wire.ts';

/** What the server told of the export, for one connection. */
export type ExportFacts = {
  readonly sizeBytes: number;
  readonly flags: number;
  readonly structured: boolean;
  /** Ids of the granted metadata contexts by name. */
  readonly contexts: ReadonlyMap<string, number>;
  readonly minBlockBytes: number;
  readonly preferredBlockBytes: number;
  readonly maxPayloadBytes: number;
};

/** The server understands us and refuses the export: none of that name, TLS only, going down. */
export class ExportRefused extends Error {}

const maxReplyBytes = 64 * 1024;
const maxReplies = 1024;

type Send = (message: Buffer) => void;
type OptionReply = { readonly type: number; readonly data: Buffer };

/** @throws ProtocolError, ExportRefused */
export function* shakeHands(
  exportName: string,
  wantedContexts: readonly string[],
  send: Send,
): Generator<Buffer, ExportFacts, void> {
  const greeting = Buffer.alloc(18);
  yield greeting;
  if (greeting.readBigUInt64BE(0) !== initMagic) throw new ProtocolError('it is no NBD server');
  if (greeting.readBigUInt64BE(8) !== optionMagic) throw new ProtocolError('it speaks only the oldstyle protocol');
  const offered = greeting.readUInt16BE(16);
  if ((offered & handshakeFlags.fixedNewstyle) === 0) throw new ProtocolError('it does not speak fixed newstyle');
  const clientFlags = Buffer.alloc(4);
  clientFlags.writeUInt32BE(handshakeFlags.fixedNewstyle | (offered & handshakeFlags.noZeroes));
  send(clientFlags);

  send(encodeOption(options.structuredReply));
  const structured = (yield* lastReply(options.structuredReply)).type === optionReplies.ack;
  const contexts =
    structured && wantedContexts.length > 0
      ? yield* chooseContexts(exportName, wantedContexts, send)
      : new Map<string, number>();
  return yield* go(exportName, structured, contexts, send);
}

function* chooseContexts(
  exportName: string,
  wanted: readonly string[],
  send: Send,
): Generator<Buffer, Map<string, number>, void> {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(wanted.length);
  send(
    encodeOption(options.setMetaContext, Buffer.concat([encodeString(exportName), count, ...wanted.map(encodeString)])),
  );
  const contexts = new Map<string, number>();
  for (let replies = 0; ; replies++) {
    const reply = yield* nextReply(options.setMetaContext, replies);
    if (reply.type === optionReplies.ack) return contexts;
    // Without contexts everything is data: slower, never wrong.
    if (reply.type >= optionReplies.errorBit) return new Map();
    if (reply.type !== optionReplies.metaContext || reply.data.length < 4) {
      throw new ProtocolError(`unexpected reply ${reply.type} to the choice of metadata contexts`);
    }
    const name = reply.data.toString('utf8', 4);
    if (wanted.includes(name)) contexts.set(name, reply.data.readUInt32BE(0));
  }
}

function* go(
  exportName: string,
  structured: boolean,
  contexts: ReadonlyMap<string, number>,
  send: Send,
): Generator<Buffer, ExportFacts, void> {
  const wantBlockSize = Buffer.from([0, 1, 0, infoTypes.blockSize]);
  send(encodeOption(options.go, Buffer.concat([encodeString(exportName), wantBlockSize])));
  let found: { sizeBytes: number; flags: number } | undefined;
  let blocks = { min: 1, preferred: 4096, max: maxPayloadBytes };
  for (let replies = 0; ; replies++) {
    const { type, data } = yield* nextReply(options.go, replies);
    if (type === optionReplies.ack) break;
    if (type >= optionReplies.errorBit) throw new ExportRefused(refusal(type, data));
    if (type !== optionReplies.info || data.length < 2) throw new ProtocolError(`unexpected reply ${type} to GO`);
    const info = data.readUInt16BE(0);
    if (info === infoTypes.export && data.length === 12) {
      found = { sizeBytes: readSize(data, 2), flags: data.readUInt16BE(10) };
    } else if (info === infoTypes.blockSize && data.length === 14) {
      blocks = { min: data.readUInt32BE(2), preferred: data.readUInt32BE(6), max: data.readUInt32BE(10) };
    }
  }
  if (found === undefined) throw new ProtocolError('it did not tell the size of the export');
  if (!Number.isFinite(found.sizeBytes)) throw new ProtocolError('the export is larger than 8 PiB');
  if ((found.flags & transmissionFlags.hasFlags) === 0) throw new ProtocolError('its transmission flags are not valid');
  if (!powerOfTwo(blocks.min) || blocks.min > 64 * 1024 || blocks.max < blocks.min) {
    throw new ProtocolError(`its block sizes make no sense: ${JSON.stringify(blocks)}`);
  }
  return {
    ...found,
    structured,
    contexts,
    minBlockBytes: blocks.min,
    preferredBlockBytes: blocks.preferred,
    maxPayloadBytes: Math.min(blocks.max - (blocks.max % blocks.min), maxPayloadBytes),
  };
}

function* lastReply(option: number): Generator<Buffer, OptionReply, void> {
  for (let replies = 0; ; replies++) {
    const reply = yield* nextReply(option, replies);
    if (reply.type === optionReplies.ack || reply.type >= optionReplies.errorBit) return reply;
  }
}

function* nextReply(option: number, already: number): Generator<Buffer, OptionReply, void> {
  if (already >= maxReplies) throw new ProtocolError('it never ends its answer to an option');
  const header = Buffer.alloc(20);
  yield header;
  if (header.readBigUInt64BE(0) !== optionReplyMagic) throw new ProtocolError('an option reply has the wrong magic');
  if (header.readUInt32BE(8) !== option) throw new ProtocolError('it answers an option that was not asked');
  const length = header.readUInt32BE(16);
  if (length > maxReplyBytes) throw new ProtocolError(`an option reply claims ${length} bytes`);
  const data = Buffer.alloc(length);
  yield data;
  return { type: header.readUInt32BE(12), data };
}

function refusal(type: number, data: Buffer): string {
  const known: Record<number, string> = {
    [optionReplies.errUnsupported]: 'the server does not know the option GO',
    [optionReplies.errPolicy]: 'the server’s policy forbids it',
    [optionReplies.errTlsRequired]: 'the server wants TLS',
    [optionReplies.errUnknown]: 'there is no export of that name',
    [optionReplies.errShutdown]: 'the server is going down',
    [optionReplies.errBlockSizeRequired]: 'the server wants its block sizes to be honoured',
  };
  const reason = known[type] ?? `the server answers 0x${type.toString(16)}`;
  const words = data.toString('utf8').trim();
  return words === '' ? reason : `${reason}: ${words}`;
}

function powerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}

export const defaultContexts: readonly string[] = [allocationContext];
