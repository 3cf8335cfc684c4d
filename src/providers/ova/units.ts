/**
 * OVF's allocation units as bytes: the programmatic form of DSP0004 ("byte * 2^20", "byte*10^9", "kilobyte * 2"), the
 * older words ("MegaBytes", "MB") and none at all (bytes). Null when it is none of these.
 */
export function bytesPerUnit(unit: string): number | null {
  const text = unit.trim().toLowerCase();
  if (text === '') return 1;
  const [word = '', ...factors] = text.split('*').map((part) => part.trim());
  const base = words[word];
  if (base === undefined) return null;
  let bytes = base;
  for (const factor of factors) {
    const match = /^(\d{1,6})(?:\s*\^\s*(\d{1,2}))?$/.exec(factor);
    if (match === null) return null;
    bytes *= Number(match[1]) ** Number(match[2] ?? '1');
  }
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : null;
}

/** `quantity` in `unit` as bytes; null when either is not understood or the product is beyond 2^53 - 1. */
export function toBytes(quantity: string, unit: string): number | null {
  const factor = bytesPerUnit(unit);
  if (factor === null || !/^\d{1,16}$/.test(quantity.trim())) return null;
  const bytes = Number(quantity.trim()) * factor;
  return Number.isSafeInteger(bytes) ? bytes : null;
}

const powers: readonly (readonly [number, readonly string[]])[] = [
  [0, ['byte', 'bytes', 'b']],
  [10, ['kilobyte', 'kilobytes', 'kb', 'kib']],
  [20, ['megabyte', 'megabytes', 'mb', 'mib']],
  [30, ['gigabyte', 'gigabytes', 'gb', 'gib']],
  [40, ['terabyte', 'terabytes', 'tb', 'tib']],
];

const words: Readonly<Record<string, number>> = Object.assign(
  Object.create(null),
  Object.fromEntries(powers.flatMap(([power, names]) => names.map((name) => [name, 2 ** power]))),
);
