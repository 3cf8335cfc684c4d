/** Values as they stand in libvirt's XML. Pure; whatever is absurd becomes null or 0, never an error. */

/** libvirt's units of memory (docs/formatdomain): powers of 1024 but for those that end in B alone. */
const units: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  kb: 1_000,
  k: 1024,
  kib: 1024,
  mb: 1_000_000,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  gb: 1_000_000_000,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  tb: 1e12,
  t: 1024 ** 4,
  tib: 1024 ** 4,
};

/** @param unit KiB where it is not said, as libvirt reads it. */
export function bytesOf(text: string | undefined, unit = 'KiB'): number {
  const value = whole(text) * (units[unit.toLowerCase()] ?? 0);
  return Number.isSafeInteger(value) ? value : 0;
}

/** A whole number from 0 on; 0 for anything else. */
export function whole(text: string | undefined): number {
  const value = /^\s*\d{1,16}\s*$/.test(text ?? '') ? Number(text) : 0;
  return Number.isSafeInteger(value) ? value : 0;
}

/** A size as a daemon told it: 0 to 2^53, else unknown. */
export function size(bytes: number | undefined): number | null {
  return bytes !== undefined && Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : null;
}

/** What is not empty, else null. */
export function some(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}

/** `vda` is 0, `sdb` 1, `xvdaa` 26: the position in the name of a target. */
export function positionOf(target: string): number {
  const letters = /^(?:xvd|ubd|[fhsv]d)([a-z]{1,3})\d*$/.exec(target)?.[1] ?? '';
  let position = 0;
  for (const letter of letters) position = position * 26 + (letter.charCodeAt(0) - 96);
  return Math.max(0, position - 1);
}
