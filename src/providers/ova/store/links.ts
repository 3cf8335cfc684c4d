/**
 * The files that a page of a web server links to (Apache's, nginx's and Python's lists are such pages). Pure.
 *
 * A file is known by its address without the query: that may be a signature, which must not be kept and is another one each
 * time. So it is taken from the page whenever the file is opened, and links that differ in nothing else are refused.
 */
import { WherryError } from '../../../model/errors.ts';
import type { Unreadable } from '../../../model/inventory.ts';
import { addressOf, type WebAddress } from './address.ts';
import { unreadableOf } from './unreadable.ts';

export type Links = { readonly files: readonly WebAddress[]; readonly refused: readonly Unreadable[] };

const most = 2_000;
/** A tag that is not closed ends where the next begins: no page makes the search look over the same text again and again. */
const link = /<a\s[^<>]{0,2000}?href\s{0,10}=\s{0,10}(?:"([^"<>]{1,4096})"|'([^'<>]{1,4096})')/gi;

/**
 * @returns what lies at or below the page and has such a name, each once, in the page's order. That there is more is told among
 * what is refused.
 */
export function linksIn(page: string, base: URL, isWanted: (name: string) => boolean): Links {
  const found = new Map<string, WebAddress>();
  const withPassword = new Set<string>();
  const twice = new Set<string>();
  let isCut = false;
  const below = base.pathname.slice(0, base.pathname.lastIndexOf('/') + 1);
  for (const [, double, single] of page.matchAll(link)) {
    const url = URL.parse((double ?? single ?? '').replaceAll('&amp;', '&'), base);
    if (url === null || url.origin !== base.origin || !url.pathname.startsWith(below)) continue;
    if (!isWanted(nameOf(url))) continue;
    url.hash = '';
    const address = addressOf(url);
    const same = found.get(address.shown);
    isCut = same === undefined && found.size + withPassword.size >= most;
    if (isCut) break;
    if (url.username !== '' || url.password !== '') withPassword.add(address.shown);
    else if (same === undefined) found.set(address.shown, address);
    else if (same.url.href !== url.href) twice.add(address.shown);
  }
  for (const shown of twice) found.delete(shown);
  return {
    files: [...found.values()],
    refused: [
      ...(isCut ? [tooMany(addressOf(base).shown)] : []),
      ...[...withPassword].filter((shown) => !found.has(shown)).map((path) => refusal('source.link_password', path)),
      ...[...twice].filter((shown) => !withPassword.has(shown)).map((path) => refusal('source.link_twice', path)),
    ],
  };
}

/** The file of that address, as the page links to it now. @throws source.link_gone, and why it is refused */
export function linkTo(shown: string, page: string, base: WebAddress): WebAddress {
  const { files, refused } = linksIn(page, base.url, (name) => name === nameOf(new URL(shown)));
  const found = files.find((file) => file.shown === shown);
  if (found !== undefined) return found;
  const twice = refused.some(({ ref, code }) => ref === shown && code === 'source.link_twice');
  if (twice) throw new WherryError('source.link_twice', { path: shown });
  throw new WherryError('source.link_gone', { path: shown, page: base.shown });
}

/** As people read it; as it is where it is no name at all. */
export function nameOf({ pathname }: URL): string {
  const name = pathname.slice(pathname.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function tooMany(system: string): Unreadable {
  return unreadableOf(system, system, new WherryError('provider.too_many_files', { system, limit: most }));
}

function refusal(code: 'source.link_password' | 'source.link_twice', shown: string): Unreadable {
  return unreadableOf(shown, nameOf(new URL(shown)), new WherryError(code, { path: shown }));
}
