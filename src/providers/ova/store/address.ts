/** Where something is on a web server. Pure. */
import { WherryError } from '../../../model/errors.ts';
import type { OvaAccount, Secrets } from '../../../model/provider.ts';
import { hiddenQuery, hidesQuery, withQuery } from '../../../model/web-address.ts';

export type WebAddress = {
  /** With its query, which may be a signature: for the server alone, never for words or rows. */
  readonly url: URL;
  /** What is told and kept of it, always written in the same way. */
  readonly shown: string;
};

export function addressOf(url: URL): WebAddress {
  return { url, shown: shownOf(url) };
}

/** Without a name or a password, and without what its query says. */
export function shownOf({ origin, pathname, search }: URL): string {
  return `${origin}${pathname}${search === '' ? '' : hiddenQuery}`;
}

/** That of the account itself, with the query that is a secret of its own. @throws source.query_missing */
export function baseOf({ location }: OvaAccount, { query }: Secrets): WebAddress {
  if (query === undefined && hidesQuery(location)) throw new WherryError('source.query_missing', { path: location });
  return addressOf(new URL(query === undefined ? location : withQuery(location, query)));
}
