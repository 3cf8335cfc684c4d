/**
 * libvirt's packets (its src/rpc/virnetprotocol.x): a length that counts itself, a header of six words, a payload.
 */
import { XdrError, xdrReader, xdrWriter } from './xdr.ts';

/** The program "remote": all calls of ours belong to it. */
export const remoteProgram = 0x20008086;
export const remoteVersion = 1;
export const headerBytes = 24;
/** libvirt's largest message, 32 MiB since 4.6. */
export const maxMessageBytes = 32 * 1024 * 1024;

export const messageTypes = { call: 0, reply: 1, event: 2, stream: 3, callWithFds: 4, replyWithFds: 5 } as const;
export const messageStatus = { ok: 0, error: 1, continue: 2 } as const;

export type Message = {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly type: number;
  readonly serial: number;
  readonly status: number;
  readonly payload: Buffer;
};

export function encodeMessage(message: Message): Buffer {
  const header = xdrWriter();
  header.uint(4 + headerBytes + message.payload.length);
  header.uint(message.program);
  header.uint(message.version);
  header.int(message.procedure);
  header.uint(message.type);
  header.uint(message.serial);
  header.uint(message.status);
  return Buffer.concat([header.finish(), message.payload]);
}

/** Cuts a byte stream into messages. @throws XdrError when a length or header cannot be: the stream is lost then. */
export function messageSplitter(): (chunk: Buffer) => Message[] {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let wanted = 4;
  return (chunk) => {
    pending.push(chunk);
    pendingBytes += chunk.length;
    if (pendingBytes < wanted) return [];
    let bytes = Buffer.concat(pending);
    const messages: Message[] = [];
    for (;;) {
      wanted = 4;
      if (bytes.length < wanted) break;
      wanted = bytes.readUInt32BE(0);
      if (wanted < 4 + headerBytes || wanted > 4 + maxMessageBytes) throw new XdrError(`a message of ${wanted} bytes`);
      if (bytes.length < wanted) break;
      messages.push(decodeMessage(bytes.subarray(4, wanted)));
      bytes = bytes.subarray(wanted);
    }
    pending = [bytes];
    pendingBytes = bytes.length;
    return messages;
  };
}

function decodeMessage(bytes: Buffer): Message {
  const reader = xdrReader(bytes);
  const message = {
    program: reader.uint(),
    version: reader.uint(),
    procedure: reader.int(),
    type: reader.uint(),
    serial: reader.uint(),
    status: reader.uint(),
    payload: bytes.subarray(headerBytes),
  };
  if (message.type > messageTypes.replyWithFds) throw new XdrError(`a message of type ${message.type}`);
  if (message.status > messageStatus.continue) throw new XdrError(`a message with status ${message.status}`);
  return message;
}
