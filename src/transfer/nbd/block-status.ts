/** Block status of an NBD export as a lazy list of ranges. */
import type { Extent, Range } from '../disk.ts';
import { allocation, allocationContext, commands, errnoName, errnos } from './constants.ts';
import { widen } from './pieces.ts';
import type { Session } from './session.ts';
import { WherryError } from '../../model/errors.ts';

export type Status = { readonly offset: number; readonly length: number; readonly flags: number };

/** Far below what 32 bits can say, so that rounding up to whole blocks cannot overflow. */
const questionBytes = 1024 * 1024 * 1024;

/**
 * What the server says of `range` in one metadata context, in order and without gaps; neighbours may be alike.
 * Null when the context was not granted.
 * @throws WherryError transfer.*
 */
export function blockStatus(
  session: Session,
  where: string,
  context: string,
  range: Range,
  signal: AbortSignal,
): AsyncIterable<Status> | null {
  return session.facts.contexts.has(context) ? ask(session, where, context, range, signal) : null;
}

async function* ask(
  session: Session,
  where: string,
  context: string,
  range: Range,
  signal: AbortSignal,
): AsyncGenerator<Status, void, void> {
  const { minBlockBytes, sizeBytes } = session.facts;
  const end = range.offset + range.length;
  for (let at = range.offset; at < end; ) {
    const question = widen({ offset: at, length: Math.min(end - at, questionBytes) }, minBlockBytes, sizeBytes);
    const { statuses } = await session.call('map', { kind: 'status', type: commands.blockStatus, ...question }, signal);
    const answer = statuses.get(context);
    if (answer === undefined) {
      throw new WherryError('transfer.nbd_protocol', { where }, new Error('block status without the chosen context'));
    }
    // The last one may reach past the question; the first may begin before what we want.
    let from = question.offset;
    for (const { lengthBytes, flags } of answer) {
      const to = Math.min(from + lengthBytes, question.offset + question.length, end);
      if (to > at) {
        yield { offset: at, length: to - at, flags };
        at = to;
      }
      from += lengthBytes;
      if (from >= end) break;
    }
  }
}

/** As a disk's extents; neighbours of one kind are joined. Everything is data where the server does not know. */
export async function* extentsOf(
  session: Session,
  where: string,
  range: Range,
  signal: AbortSignal,
): AsyncGenerator<Extent, void, void> {
  const statuses = blockStatus(session, where, allocationContext, range, signal);
  if (statuses === null) {
    if (range.length > 0) yield { ...range, kind: 'data' };
    return;
  }
  let open: Extent | undefined;
  let at = range.offset;
  try {
    for await (const { offset, length, flags } of statuses) {
      // A hole that does not read as zeros (undefined content) is data: it may hold anything.
      const kind = (flags & allocation.zero) === 0 ? 'data' : 'zero';
      at = offset + length;
      if (open?.kind === kind) open = { ...open, length: open.length + length };
      else {
        if (open !== undefined) yield open;
        open = { offset, length, kind };
      }
    }
  } catch (error) {
    const unsupported = error instanceof WherryError && error.params['errno'] === errnoName(errnos.ENOTSUP);
    if (!unsupported) throw error;
    if (open !== undefined) yield open;
    open = { offset: at, length: range.offset + range.length - at, kind: 'data' };
  }
  if (open !== undefined) yield open;
}
