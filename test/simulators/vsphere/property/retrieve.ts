/** RetrievePropertiesEx and its pages. */
import { randomUUID } from 'node:crypto';
import { tell } from './content.ts';
import { select } from './select.ts';
import { checkFilter, pathTable } from './spec.ts';
import { invalidArgument } from '../soap/fault.ts';
import type { ManagedObject } from '../store/store.ts';
import { asData, asList, asNumber, asText, data, type Data, type Value } from '../values.ts';
import { answer, nothing, type Answer, type Handler } from '../world.ts';
import { typed } from './typed.ts';
import { hiddenOf, collectorOf, type Pages } from './collectors.ts';

type Entry = Pages['entries'][number];

export const retrieveProperties: Record<string, Handler> = {
  RetrievePropertiesEx(call) {
    const limit = asNumber(asData(call.args['options'])?.['maxObjects']);
    if (limit !== undefined && limit <= 0) throw invalidArgument('options.maxObjects');
    const entries = entriesOf(call);
    if (entries.length === 0) return nothing;
    const { pageSize } = call.world.settings;
    const pages: Pages = { entries, at: 0, pageSize: Math.min(limit ?? pageSize, pageSize) };
    return answer(nextPage(call, pages));
  },

  RetrieveProperties(call) {
    return answer(entriesOf(call).map((entry) => contentOf(call, entry)));
  },

  ContinueRetrievePropertiesEx(call) {
    const token = asText(call.args['token']) ?? '';
    const collector = collectorOf(call);
    const pages = collector.pages.get(token);
    if (pages === undefined) throw invalidArgument('token');
    collector.pages.delete(token);
    return answer(nextPage(call, pages));
  },

  CancelRetrievePropertiesEx(call): Answer {
    if (!collectorOf(call).pages.delete(asText(call.args['token']) ?? '')) throw invalidArgument('token');
    return nothing;
  },
};

type HandlerCall = Parameters<Handler>[0];

function entriesOf(call: HandlerCall): Entry[] {
  const entries = new Map<string, Entry>();
  for (const filter of asList(call.args['specSet']).map(asData)) {
    if (filter === undefined) continue;
    checkFilter(filter);
    const paths = pathTable(filter);
    for (const object of select(call.world, call.session, filter).values()) {
      const wanted = paths(object.ref.type);
      if (wanted === null) continue;
      const before = entries.get(object.ref.value)?.paths ?? [];
      entries.set(object.ref.value, {
        object,
        paths: before.length === 0 ? wanted : [...new Set([...before, ...wanted])],
      });
    }
  }
  return [...entries.values()];
}

function nextPage(call: HandlerCall, pages: Pages): Data {
  const end = pages.at + pages.pageSize;
  const objects = pages.entries
    .slice(pages.at, end)
    .filter(({ object }) => stillThere(call, object))
    .map((entry) => contentOf(call, entry));
  if (end >= pages.entries.length) return data('RetrieveResult', { objects });
  const token = randomUUID();
  collectorOf(call).pages.set(token, { ...pages, at: end });
  return data('RetrieveResult', { token, objects });
}

const stillThere = ({ world, session }: HandlerCall, { ref }: ManagedObject): boolean =>
  world.store.find(ref) !== undefined || session.objects.has(ref.value);

function contentOf(call: HandlerCall, { object, paths }: Entry): Data {
  const { told, missing } = tell(object, paths, hiddenOf(call.world), call.session.key);
  const propSet: Value[] = [...told].map(([name, value]) =>
    data('DynamicProperty', { name, val: typed(object.ref.type, name, value) }),
  );
  return data('ObjectContent', { obj: object.ref, propSet, missingSet: missing });
}
