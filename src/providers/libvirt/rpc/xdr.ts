/**
 * XDR (RFC 4506), as much of it as libvirt speaks. Everything read is bounded: what a length says is checked against what
 * is there and against a limit before anything is allocated. Bytes come from a daemon, but are not trusted for that.
 */

/** The bytes do not say what the protocol promises. */
export class XdrError extends Error {
  override readonly name = 'XdrError';
}

/** libvirt's own limit of a string (REMOTE_STRING_MAX since 1.1.0). */
export const maxStringBytes = 4 * 1024 * 1024;

export type XdrWriter = {
  int(value: number): void;
  uint(value: number): void;
  uhyper(value: bigint): void;
  string(value: string): void;
  /** A pointer in XDR's sense: 0, or 1 and the string. */
  optionalString(value: string | null): void;
  /** Exactly these bytes, padded to a multiple of four. */
  fixed(bytes: Buffer): void;
  finish(): Buffer;
};

export function xdrWriter(): XdrWriter {
  const parts: Buffer[] = [];
  const word = (value: number): void => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value >>> 0);
    parts.push(bytes);
  };
  const fixed = (bytes: Buffer): void => {
    parts.push(bytes, Buffer.alloc(padding(bytes.length)));
  };
  const string = (value: string): void => {
    const bytes = Buffer.from(value, 'utf8');
    if (bytes.length > maxStringBytes) throw new XdrError(`a string of ${bytes.length} bytes is too long to send`);
    if (bytes.includes(0)) throw new XdrError('a string with a NUL byte cannot be sent');
    word(bytes.length);
    fixed(bytes);
  };
  return {
    int: word,
    uint: word,
    uhyper: (value) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(value);
      parts.push(bytes);
    },
    string,
    optionalString: (value) => {
      word(value === null ? 0 : 1);
      if (value !== null) string(value);
    },
    fixed,
    finish: () => Buffer.concat(parts),
  };
}

export type XdrReader = {
  int(): number;
  uint(): number;
  bool(): boolean;
  /** 64 bits as a number: exact up to 2^53, the nearest number above (sizes in bytes or KiB, times in ns). */
  hyper(): number;
  uhyper(): number;
  string(): string;
  optional<T>(read: (reader: XdrReader) => T): T | null;
  fixed(length: number): Buffer;
  /** A counted array; every element must take at least four bytes, so that a count cannot be a lie. */
  array<T>(max: number, read: (reader: XdrReader) => T): T[];
  /** @throws when bytes are left over. */
  end(): void;
};

/** @throws XdrError from every method, when the bytes are not what is asked for. */
export function xdrReader(bytes: Buffer): XdrReader {
  let at = 0;
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw new XdrError(`${length} bytes wanted, ${bytes.length - at} there`);
    const part = bytes.subarray(at, at + length);
    at += length;
    return part;
  };
  const fixed = (length: number): Buffer => {
    const part = take(length);
    if (take(padding(length)).some((byte) => byte !== 0)) throw new XdrError('padding that is not zero');
    return part;
  };
  const reader: XdrReader = {
    int: () => take(4).readInt32BE(),
    uint: () => take(4).readUInt32BE(),
    bool: () => {
      const value = reader.uint();
      if (value > 1) throw new XdrError(`${value} is no truth value`);
      return value === 1;
    },
    hyper: () => Number(take(8).readBigInt64BE()),
    uhyper: () => Number(take(8).readBigUInt64BE()),
    string: () => {
      const length = reader.uint();
      if (length > maxStringBytes) throw new XdrError(`a string of ${length} bytes`);
      return fixed(length).toString('utf8');
    },
    optional: (read) => (reader.bool() ? read(reader) : null),
    fixed,
    array: (max, read) => {
      const count = reader.uint();
      if (count > max || count > (bytes.length - at) / 4) throw new XdrError(`an array of ${count} elements`);
      return Array.from({ length: count }, () => read(reader));
    },
    end: () => {
      if (at !== bytes.length) throw new XdrError(`${bytes.length - at} bytes too many`);
    },
  };
  return reader;
}

function padding(length: number): number {
  return (4 - (length % 4)) % 4;
}
