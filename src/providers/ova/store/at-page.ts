import { hidesQuery } from '../../../model/web-address.ts';
import { addressOf, shownOf, type WebAddress } from './address.ts';
import type { WebServer } from './http-server.ts';
import { linkTo } from './links.ts';

/**
 * The whole address of what is known as `shown`. A query that is hidden there is the account's own, or that of the link to it
 * on the account's page, which is looked at for it.
 * @returns null where it is on another server @throws source.link_gone, source.link_twice, provider.*
 */
export async function addressAt(
  server: WebServer,
  base: WebAddress,
  shown: string,
  signal: AbortSignal,
): Promise<WebAddress | null> {
  const url = URL.parse(shown);
  if (url === null || url.origin !== base.url.origin) return null;
  if (!hidesQuery(shown)) return addressOf(url);
  const wanted = shownOf(url);
  return wanted === base.shown ? base : linkTo(wanted, await server.page(base, signal), base);
}
