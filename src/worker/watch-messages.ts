/** Between the worker and the child process that watches a provider: Node's IPC channel, structured clones. */
import type { StoredError } from '../model/errors.ts';
import type { ProviderAccount, Secrets } from '../model/provider.ts';

export type ToWatchChild =
  | { readonly kind: 'watch'; readonly account: ProviderAccount; readonly secrets: Secrets }
  /** The server has taken the news. */
  | { readonly kind: 'sent'; readonly request: number }
  /** Sign out and end. */
  | { readonly kind: 'stop' };

export type FromWatchChild =
  | { readonly kind: 'started' }
  /** The JSON of a list of news, as text: the worker passes it on unread. */
  | { readonly kind: 'news'; readonly request: number; readonly news: string }
  | { readonly kind: 'ended'; readonly error: StoredError | null };
