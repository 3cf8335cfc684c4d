/** The OVAs that a page of a web server links to (Apache's, nginx's and Python's lists are such pages). Pure. */

const most = 2_000;
/** A tag that is not closed ends where the next begins: no page makes the search look over the same text again and again. */
const link = /<a\s[^<>]{0,2000}?href\s{0,10}=\s{0,10}(?:"([^"<>]{1,4096})"|'([^'<>]{1,4096})')/gi;

/** @returns URLs at or below the page, each once, in the page's order */
export function linksToOvas(page: string, base: URL): URL[] {
  const found = new Map<string, URL>();
  for (const [, double, single] of page.matchAll(link)) {
    const href = (double ?? single ?? '').replaceAll('&amp;', '&');
    const url = URL.parse(href, base);
    if (url === null || url.origin !== base.origin || !/\.ova$/i.test(url.pathname)) continue;
    if (!url.pathname.startsWith(base.pathname.slice(0, base.pathname.lastIndexOf('/') + 1))) continue;
    url.hash = '';
    found.set(url.href, url);
    if (found.size >= most) break;
  }
  return [...found.values()];
}
