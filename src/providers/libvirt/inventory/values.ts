/** Values that only a host's own descriptions hold (others: providers/domain/values.ts). Pure; what is absurd becomes null or 0. */

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
