/**
 * Parts of files between the request that brings them and the worker that fetches them: a stream handed on, nothing kept. A
 * server knows only those that came to it, so with several servers a worker has to ask the one that the sender asked.
 */
import type { Readable } from 'node:stream';
import { newId } from '../model/ids.ts';

export type Parts = {
  /** Offers a body until `take` or the returned function is called. */
  offer(body: Readable): { readonly partId: string; readonly withdraw: () => void };
  /** The body, once. Undefined when nobody offers it (any more). */
  take(partId: string): Readable | undefined;
};

export function createParts(): Parts {
  const offered = new Map<string, Readable>();
  return {
    offer: (body) => {
      const partId = newId();
      offered.set(partId, body);
      return { partId, withdraw: () => offered.delete(partId) };
    },
    take: (partId) => {
      const body = offered.get(partId);
      offered.delete(partId);
      return body;
    },
  };
}
