/** Reads objects from a server, some at a time however many there are. */
import type { Unreadable } from '../../../model/inventory.ts';
import type { Session } from '../session.ts';
import { FormatError } from '../vim25/decode.ts';
import type { Ref, VimInput } from '../vim25/schema.ts';
import { VimFault, type Answer } from '../vim25/soap.ts';
import { childOf } from '../vim25/xml-reader.ts';
import type { ManagedProps } from './props.ts';
import { readTold, type Told } from './told.ts';

/** Also named in one question, so that it has one page. More make the first of them later, fewer make more questions. */
const objectsPerPage = 250;
/** A server that hands out pages for ever is not believed: vCenter's own limit of objects is far below. */
const maxPages = 10_000;

export type Read = { readonly object: ManagedProps } | { readonly unreadable: Unreadable };

/** Everything that the filter selects. @throws VimFault, provider.* */
export async function* readObjects(
  session: Session,
  filter: VimInput<'PropertyFilterSpec'>,
  signal: AbortSignal,
): AsyncGenerator<Read> {
  for await (const some of readSelected(session, filter, signal)) yield* some;
}

/** The same, as many at a time as come together. */
export async function* readSelected(
  session: Session,
  filter: VimInput<'PropertyFilterSpec'>,
  signal: AbortSignal,
): AsyncGenerator<readonly Read[]> {
  yield* readPages(session, await ask(session, filter, signal), signal);
}

const split = { parent: 'returnval', name: 'objects', read: readTold };

function ask(session: Session, filter: VimInput<'PropertyFilterSpec'>, signal: AbortSignal): Promise<Answer<Told>> {
  const input = { specSet: [filter], options: { maxObjects: objectsPerPage } };
  return session.ask('RetrievePropertiesEx', session.content.propertyCollector, input, split, { signal });
}

async function* readPages(
  session: Session,
  answer: Answer<Told>,
  signal: AbortSignal,
  before: () => Promise<unknown> = async () => undefined,
): AsyncGenerator<readonly Read[]> {
  let page = answer.read();
  for (let count = 1; count <= maxPages; count += 1) {
    let step = await page.next();
    for (; step.done !== true; step = await page.next()) {
      yield step.value.map((told) => readOf(told, session.system));
    }
    const result = childOf(step.value, 'returnval');
    const token = result === undefined ? undefined : childOf(result, 'token')?.text;
    if (token === undefined || token === '') return;
    await before();
    const collector = session.content.propertyCollector;
    page = session.stream('ContinueRetrievePropertiesEx', collector, { token }, split, { signal });
  }
}

type FilterOf = (refs: readonly Ref[]) => VimInput<'PropertyFilterSpec'>;

/**
 * These, as far as they are still there, some at a time: some servers answer a question for everything only when the last
 * object of it is ready. While an answer is read the server is at work on the next one. One question at a time: vcsim 0.55.0
 * was seen to answer nothing any more after one of two had been broken off.
 */
export async function* readThese(
  session: Session,
  refs: readonly Ref[],
  filterOf: FilterOf,
  signal: AbortSignal,
): AsyncGenerator<readonly Read[]> {
  const left = new AbortController();
  const until = AbortSignal.any([signal, left.signal]);
  let ahead: Promise<Answer<Told>> | null = null;
  const aheadIsHere = async (): Promise<unknown> => ahead?.catch(() => undefined);
  try {
    for (let at = 0; at < refs.length; at += objectsPerPage) {
      const these = refs.slice(at, at + objectsPerPage);
      const answer: Answer<Told> = await (ahead ?? ask(session, filterOf(these), until));
      const next = refs.slice(at + objectsPerPage, at + 2 * objectsPerPage);
      ahead = answer.isHere && next.length > 0 ? ask(session, filterOf(next), until) : null;
      // Thrown where it is awaited.
      ahead?.catch(() => undefined);
      try {
        yield* readPages(session, answer, until, aheadIsHere);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        await aheadIsHere();
        yield* readHalves(session, these, filterOf, until);
      }
    }
  } finally {
    left.abort(new Error('nobody reads any further'));
  }
}

/** Begins to read now, whoever takes it when. What was not taken to its end is given up when it is disposed of. */
export function begun<T>(reads: AsyncGenerator<T>): AsyncIterable<T> & AsyncDisposable {
  let first: Promise<IteratorResult<T>> | null = reads.next();
  // Thrown where it is awaited.
  first.catch(() => undefined);
  return {
    async *[Symbol.asyncIterator]() {
      const asked = first;
      // What it holds is not kept for as long as what follows a read goes on.
      first = null;
      const step = await asked;
      if (step?.done === false) yield step.value;
      yield* reads;
    },
    [Symbol.asyncDispose]: async () => void (await reads.return(undefined)),
  };
}

/** Some servers refuse all of them for one that has gone meanwhile. */
async function* readHalves(
  session: Session,
  refs: readonly Ref[],
  filterOf: FilterOf,
  signal: AbortSignal,
): AsyncGenerator<readonly Read[]> {
  if (refs.length === 1) return;
  const middle = Math.ceil(refs.length / 2);
  for (const half of [refs.slice(0, middle), refs.slice(middle)]) {
    try {
      yield* readSelected(session, filterOf(half), signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      yield* readHalves(session, half, filterOf, signal);
    }
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof VimFault && error.is('ManagedObjectNotFound');
}

function readOf({ ref, props }: Told, system: string): Read {
  if (!(props instanceof FormatError)) return { object: props };
  return {
    unreadable: {
      ref: ref.value,
      name: `${ref.type} ${ref.value}`,
      code: 'provider.answer_broken',
      params: { system, what: props.message },
      causes: [],
    },
  };
}
