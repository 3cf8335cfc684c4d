/**
 * Addresses on web servers, and the part of them that nobody but that server sees: a query may be a signature
 * (`?X-Amz-Signature=…`), and who has it reads the file. What is kept and shown ends in `?…` instead; the query itself is a
 * secret of the provider or of the migration. A whole query, because nobody can tell which part of it is harmless. Pure.
 */
export const hiddenQuery = '?…';

/**
 * @returns the address as it is kept and shown, and its query without the question mark; null where it has none, or one that is
 *   hidden already. What is no web address stays as it is.
 */
export function withoutQuery(address: string): { readonly shown: string; readonly query: string | null } {
  const [, place = '', query = ''] = /^(https?:\/\/[^?#]*)(?:\?([^#]*))?/i.exec(address) ?? [];
  if (place === '') return { shown: address, query: null };
  if (query === '') return { shown: place, query: null };
  const isHidden = query === '…' || query.toUpperCase() === encodeURIComponent('…');
  return { shown: place + hiddenQuery, query: isHidden ? null : query };
}

/** There is a query, kept elsewhere. */
export function hidesQuery(shown: string): boolean {
  return shown.endsWith(hiddenQuery);
}

/** The address that is asked for. */
export function withQuery(shown: string, query: string): string {
  const place = hidesQuery(shown) ? shown.slice(0, -hiddenQuery.length) : shown;
  return `${place}?${query.replace(/^\?/, '')}`;
}
