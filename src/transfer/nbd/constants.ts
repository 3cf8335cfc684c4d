/** The NBD protocol's numbers, by the names of its specification (NetworkBlockDevice/nbd, doc/proto.md). */

export const initMagic = 0x4e42444d41474943n;
export const optionMagic = 0x49484156454f5054n;
export const optionReplyMagic = 0x3e889045565a9n;
export const requestMagic = 0x25609513;
export const simpleReplyMagic = 0x67446698;
export const structuredReplyMagic = 0x668e33ef;

export const handshakeFlags = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const transmissionFlags = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  sendTrim: 1 << 5,
  sendWriteZeroes: 1 << 6,
  sendDf: 1 << 7,
  canMultiConn: 1 << 8,
} as const;

export const options = {
  exportName: 1,
  abort: 2,
  list: 3,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

export const optionReplies = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  /** Every reply type with this bit is a refusal; its data is text for people. */
  errorBit: 0x8000_0000,
  errUnsupported: 0x8000_0001,
  errPolicy: 0x8000_0002,
  errInvalid: 0x8000_0003,
  errTlsRequired: 0x8000_0005,
  errUnknown: 0x8000_0006,
  errShutdown: 0x8000_0007,
  errBlockSizeRequired: 0x8000_0008,
  errTooBig: 0x8000_0009,
} as const;

export const infoTypes = { export: 0, name: 1, description: 2, blockSize: 3 } as const;

export const commands = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

export const commandFlags = { fua: 1, noHole: 2, df: 4, reqOne: 8 } as const;

export const chunkTypes = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  errorBit: 0x8000,
  error: 0x8001,
  errorOffset: 0x8002,
} as const;
export const chunkDone = 1;

/** Flags of the context `base:allocation`. */
export const allocation = { hole: 1, zero: 2 } as const;
export const allocationContext = 'base:allocation';

export const requestHeaderBytes = 28;
/** What clients may assume when a server names no maximum, and what our own server takes. */
export const maxPayloadBytes = 32 * 1024 * 1024;

export const errnos = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const;

export function errnoName(value: number): string {
  for (const [name, number] of Object.entries(errnos)) if (number === value) return name;
  return `errno ${value}`;
}
