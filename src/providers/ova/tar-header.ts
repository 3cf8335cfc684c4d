/** One 512-byte block of a tar archive, read by the rules of POSIX ustar, pax, GNU tar and the old V7 format. */
export type TarBlock =
  | { readonly kind: 'end' }
  | { readonly kind: 'bad'; readonly problem: string }
  | { readonly kind: 'header'; readonly name: string; readonly sizeBytes: number; readonly type: string };

export const blockBytes = 512;

export function parseTarBlock(block: Buffer): TarBlock {
  if (block.every((byte) => byte === 0)) return { kind: 'end' };
  if (!checksumFits(block)) return { kind: 'bad', problem: 'has a wrong checksum' };
  const sizeBytes = parseTarNumber(block.subarray(124, 136));
  if (sizeBytes === null) return { kind: 'bad', problem: 'has a size that is no number' };
  const posix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = posix ? text(block.subarray(345, 500)) : '';
  const base = text(block.subarray(0, 100));
  const name = prefix === '' ? base : `${prefix}/${base}`;
  const flag = block.readUInt8(156);
  const type = flag === 0 ? '0' : String.fromCharCode(flag);
  // V7 had no type for directories.
  return { kind: 'header', name, sizeBytes, type: type === '0' && name.endsWith('/') ? '5' : type };
}

/** Octal digits, or (GNU) base 256 with the first bit set. Null when it is neither, negative, or above 2^53 - 1. */
export function parseTarNumber(field: Buffer): number | null {
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) {
    if ((first & 0x40) !== 0) return null; // negative
    let value = BigInt(first & 0x3f);
    for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(value);
  }
  const digits = field
    .toString('latin1')
    .replace(/^[ \0]+/, '')
    .replace(/[ \0]+$/, '');
  if (!/^[0-7]*$/.test(digits)) return null;
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

/** The records of a pax extended header ("27 path=..."), or null when they are not well formed. */
export function parsePaxRecords(data: Buffer): Map<string, string> | null {
  const records = new Map<string, string>();
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(0x20, at);
    if (space < 0 || space - at > 10) return null;
    const digits = data.toString('latin1', at, space);
    if (!/^[1-9][0-9]*$/.test(digits)) return null;
    const end = at + Number(digits);
    if (end > data.length || end <= space + 1 || data[end - 1] !== 0x0a) return null;
    const record = data.toString('utf8', space + 1, end - 1);
    const equals = record.indexOf('=');
    if (equals < 1) return null;
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}

/** The sum over all bytes, the checksum's own field counted as spaces; some old writers summed signed bytes. */
function checksumFits(block: Buffer): boolean {
  const stored = parseTarNumber(block.subarray(148, 156));
  let unsigned = 0;
  let signed = 0;
  for (let index = 0; index < block.length; index += 1) {
    const value = index >= 148 && index < 156 ? 0x20 : (block[index] ?? 0);
    unsigned += value;
    signed += value > 127 ? value - 256 : value;
  }
  return stored === unsigned || stored === signed;
}

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}
