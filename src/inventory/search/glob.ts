/**
 * Globs: `*` is any text, `?` one character, a backslash takes the meaning from what follows. One list of parts makes both
 * the LIKE pattern for the database and the match in memory. The match looks back to the last star only: its time is at most
 * pattern × text, whatever the pattern.
 */
export type GlobPart =
  | { readonly kind: 'any' }
  | { readonly kind: 'one' }
  | { readonly kind: 'is'; readonly text: string };

/** Characters are Unicode code points, as in PostgreSQL. A backslash at the end stands for itself. */
export function globOf(pattern: string): GlobPart[] {
  const parts: GlobPart[] = [];
  const characters = Array.from(pattern);
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? '';
    if (character === '*') {
      if (parts.at(-1)?.kind !== 'any') parts.push({ kind: 'any' });
    } else if (character === '?') parts.push({ kind: 'one' });
    else if (character === '\\' && at + 1 < characters.length)
      parts.push({ kind: 'is', text: characters[(at += 1)] ?? '' });
    else parts.push({ kind: 'is', text: character });
  }
  return parts;
}

/** For LIKE with its default escape. */
export function likeOf(parts: readonly GlobPart[]): string {
  return parts
    .map((part) => (part.kind === 'any' ? '%' : part.kind === 'one' ? '_' : part.text.replace(/[%_\\]/, '\\$&')))
    .join('');
}

/** The whole text has to match. */
export function globMatches(parts: readonly GlobPart[], text: string): boolean {
  const characters = Array.from(text);
  let part = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < characters.length) {
    const wanted = parts[part];
    if (wanted?.kind === 'any') {
      star = part;
      starAt = at;
      part += 1;
    } else if (wanted?.kind === 'one' || (wanted?.kind === 'is' && wanted.text === characters[at])) {
      part += 1;
      at += 1;
    } else if (star >= 0) {
      part = star + 1;
      at = starAt += 1;
    } else return false;
  }
  while (parts[part]?.kind === 'any') part += 1;
  return part === parts.length;
}
