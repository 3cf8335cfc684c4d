/** Values as people write them: sizes, whole numbers, yes and no. */

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  pib: 2 ** 50,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  pb: 1e15,
};

export const unitNames = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

export function isUnit(text: string): boolean {
  return text !== '' && Object.hasOwn(units, text.toLowerCase());
}

/** "1.5TiB", "500 GB", "1024" (bytes) → bytes; null when it is no size, or one that no disk has (from 2^53 on). */
export function sizeOf(text: string): number | null {
  const [, digits = '', unit = ''] = /^(\d{1,16}(?:\.\d{1,6})?) ?([A-Za-z]{0,3})$/.exec(text) ?? [];
  const factor = Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()] : undefined;
  if (digits === '' || factor === undefined) return null;
  const bytes = Math.round(Number(digits) * factor);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

export function wholeNumberOf(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** A fact may be any number that JSON can hold: "-1.5", or a size. */
export function factNumberOf(text: string): number | null {
  return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : sizeOf(text);
}

const booleans: Readonly<Record<string, boolean>> = { yes: true, true: true, no: false, false: false };

export function booleanOf(text: string): boolean | null {
  const word = text.toLowerCase();
  return Object.hasOwn(booleans, word) ? (booleans[word] ?? null) : null;
}
