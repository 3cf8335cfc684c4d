/**
 * Parts of files between the request that brings them and the worker that fetches them: a stream handed on, nothing kept. A
 * server knows only those that came to it, so with several servers a worker has to ask the one that the sender asked.
 */
import type { Readable } from 'node:stream';
import { newId } from '../model/ids.ts';

export type Offered = { readonly body: Readable; readonly uploadId: string; readonly offset: number };

export type Parts = {
  /** Offers a body until `take` or the returned function is called. */
  offer(part: Offered): { readonly partId: string; readonly withdraw: () => void };
  /** The part, once. Undefined when nobody offers it (any more). */
  take(partId: string): Offered | undefined;
};

export function createParts(): Parts {
  const offered = new Map<string, Offered>();
  return {
    offer: (part) => {
      const partId = newId();
      offered.set(partId, part);
      return { partId, withdraw: () => offered.delete(partId) };
    },
    take: (partId) => {
      const part = offered.get(partId);
      offered.delete(partId);
      return part;
    },
  };
}
