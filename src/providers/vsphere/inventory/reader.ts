/** Reads objects from a server, one at a time however many there are. */
import type { Unreadable } from '../../../model/inventory.ts';
import type { Session } from '../session.ts';
import { FormatError } from '../vim25/decode.ts';
import type { Ref, VimInput } from '../vim25/schema.ts';
import { VimFault } from '../vim25/soap.ts';
import { childOf, type XmlNode } from '../vim25/xml-reader.ts';
import { readProps, refOf, type ManagedProps } from './props.ts';

const objectsPerPage = 250;
/** Named in one question. More make the first of them later, fewer make more questions. */
const refsPerQuestion = 500;
/** A server that hands out pages for ever is not believed: vCenter's own limit of objects is far below. */
const maxPages = 10_000;

export type Read = { readonly object: ManagedProps } | { readonly unreadable: Unreadable };

/** Everything that the filter selects. @throws VimFault, provider.* */
export async function* readObjects(
  session: Session,
  filter: VimInput<'PropertyFilterSpec'>,
  signal: AbortSignal,
): AsyncGenerator<Read> {
  const collector = session.content.propertyCollector;
  const split = { parent: 'returnval', name: 'objects' };
  let page = session.stream(
    'RetrievePropertiesEx',
    collector,
    { specSet: [filter], options: { maxObjects: objectsPerPage } },
    split,
    { signal },
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
 * These, as far as they are still there, some at a time: some servers answer a question for everything only when the last
 * object of it is ready. One question at a time: vcsim 0.55.0 was seen to answer nothing any more after one of two had been
 * broken off.
 */
export async function* readThese(
  session: Session,
  refs: readonly Ref[],
  filterOf: FilterOf,
  signal: AbortSignal,
): AsyncGenerator<Read> {
  for (let at = 0; at < refs.length; at += refsPerQuestion) {
    yield* readSome(session, refs.slice(at, at + refsPerQuestion), filterOf, signal);
  }
}

async function* readSome(
  session: Session,
  refs: readonly Ref[],
  filterOf: FilterOf,
  signal: AbortSignal,
): AsyncGenerator<Read> {
  try {
    yield* readObjects(session, filterOf(refs), signal);
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
