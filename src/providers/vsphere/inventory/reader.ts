/** Reads objects from a server, one at a time however many there are. */
import type { Unreadable } from '../../../model/inventory.ts';
import type { Session } from '../session.ts';
import { FormatError } from '../vim25/decode.ts';
import type { Ref, VimInput } from '../vim25/schema.ts';
import { VimFault } from '../vim25/soap.ts';
import { childOf, type XmlNode } from '../vim25/xml-reader.ts';
import { readProps, refOf, type ManagedProps } from './props.ts';

const objectsPerPage = 250;
/**
 * Named in one question, and then in one page. More make the first of them later, fewer make more questions; what has come
 * of an answer before it is read is in memory.
 */
const refsPerQuestion = objectsPerPage;
/** A server that hands out pages for ever is not believed: vCenter's own limit of objects is far below. */
const maxPages = 10_000;

export type Read = { readonly object: ManagedProps } | { readonly unreadable: Unreadable };

/** Everything that the filter selects. @throws VimFault, provider.* */
export async function* readObjects(
  session: Session,
  filter: VimInput<'PropertyFilterSpec'>,
  signal: AbortSignal,
  onReceived: () => void = () => undefined,
): AsyncGenerator<Read> {
  const collector = session.content.propertyCollector;
  const split = { parent: 'returnval', name: 'objects' };
  let page = session.stream(
    'RetrievePropertiesEx',
    collector,
    { specSet: [filter], options: { maxObjects: objectsPerPage } },
    split,
    { signal, onReceived },
  );
  for (let count = 1; count <= maxPages; count += 1) {
    let step = await page.next();
    for (; step.done !== true; step = await page.next()) yield readOne(step.value, session.system);
    const result = childOf(step.value, 'returnval');
    const token = result === undefined ? undefined : childOf(result, 'token')?.text;
    if (token === undefined || token === '') return;
    page = session.stream('ContinueRetrievePropertiesEx', collector, { token }, split, { signal });
  }
}

type FilterOf = (refs: readonly Ref[]) => VimInput<'PropertyFilterSpec'>;

/**
 * These, as far as they are still there, some at a time: some servers begin to answer only when the last object is ready. The
 * next question goes out when an answer has come whole, so that the server works on it while this one is read. Never two at a
 * time: vcsim 0.55.0 was seen to answer nothing any more after one of two had been broken off.
 */
export async function* readThese(
  session: Session,
  refs: readonly Ref[],
  filterOf: FilterOf,
  signal: AbortSignal,
): AsyncGenerator<Read> {
  const leaving = new AbortController();
  const until = AbortSignal.any([signal, leaving.signal]);
  const groups = Array.from({ length: Math.ceil(refs.length / refsPerQuestion) }, (_, at) =>
    refs.slice(at * refsPerQuestion, (at + 1) * refsPerQuestion),
  );
  /** Those that nobody has read to their end: the one that is read, and at most the next. */
  const open: Question[] = [];
  let asked = 0;
  const ask = (): void => {
    const group = groups[asked];
    if (group === undefined || until.aborted) return;
    asked += 1;
    const own = asked;
    const onReceived = (): void => {
      if (own === asked) ask();
    };
    const reads = readSome(session, group, filterOf, until, onReceived);
    const first = reads.next();
    first.catch(() => undefined); // thrown to whoever reads
    open.push({ first, reads });
  };
  try {
    for (;;) {
      if (open.length === 0) ask();
      const [question] = open;
      if (question === undefined) return;
      for (let step = await question.first; step.done !== true; step = await question.reads.next()) yield step.value;
      open.shift();
    }
  } finally {
    leaving.abort(new Error('the rest is not wanted'));
    for (const { reads } of open) reads.return(undefined).catch(() => undefined);
  }
}

/** Begun when it is made, not when it is read. */
type Question = { readonly first: Promise<IteratorResult<Read>>; readonly reads: AsyncGenerator<Read> };

async function* readSome(
  session: Session,
  refs: readonly Ref[],
  filterOf: FilterOf,
  signal: AbortSignal,
  onReceived?: () => void,
): AsyncGenerator<Read> {
  try {
    yield* readObjects(session, filterOf(refs), signal, onReceived);
  } catch (error) {
    // Some servers refuse all of them for one that has gone meanwhile.
    if (!(error instanceof VimFault) || !error.is('ManagedObjectNotFound')) throw error;
    if (refs.length === 1) return;
    const half = Math.ceil(refs.length / 2);
    yield* readSome(session, refs.slice(0, half), filterOf, signal);
    yield* readSome(session, refs.slice(half), filterOf, signal);
  }
}

function readOne(node: XmlNode, system: string): Read {
  try {
    return { object: readProps(node) };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const ref = refOf(node);
    return {
      unreadable: {
        ref: ref.value,
        name: `${ref.type} ${ref.value}`,
        code: 'provider.answer_broken',
        params: { system, what: error.message },
        causes: [],
      },
    };
  }
}
