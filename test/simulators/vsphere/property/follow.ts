/** Filters, and WaitForUpdatesEx over them. */
import { collectorOf, collectorRef, dropCollector, dropFilter, type Collector } from './collectors.ts';
import { Filter } from './filter.ts';
import { checkFilter } from './spec.ts';
import { select } from './select.ts';
import { invalidArgument, invalidRequest, notAuthenticated, VimFault } from '../soap/fault.ts';
import { asData, asNumber, asText, data, refOf, type Data } from '../values.ts';
import { answer, nothing, type Handler } from '../world.ts';

type HandlerCall = Parameters<Handler>[0];

export const followUpdates: Record<string, Handler> = {
  CreatePropertyCollector({ session, world }) {
    const ref = collectorRef(session, world.newId(''));
    const properties = new Map();
    session.objects.set(ref.value, { ref, properties });
    return answer(ref);
  },

  DestroyPropertyCollector({ session, self }) {
    dropCollector(session, self.ref);
    return nothing;
  },

  CreateFilter(call) {
    const spec = asData(call.args['spec']);
    if (spec === undefined) throw invalidArgument('spec');
    checkFilter(spec);
    select(call.world, call.session, spec);
    const collector = collectorOf(call);
    const ref = refOf('PropertyFilter', `session[${call.session.key}]${call.world.newId('')}`);
    const partial = call.args['partialUpdates'] === true;
    collector.filters.set(ref.value, new Filter(ref, spec, partial));
    const properties = new Map<string, Data | boolean>([
      ['spec', spec],
      ['partialUpdates', partial],
    ]);
    call.session.objects.set(ref.value, { ref, properties });
    collector.changed.abort();
    return answer(ref);
  },

  DestroyPropertyFilter({ session, self }) {
    dropFilter(session, self.ref);
    return nothing;
  },

  async WaitForUpdatesEx(call) {
    const collector = collectorOf(call);
    const version = asText(call.args['version']) ?? '';
    if (version === '') for (const filter of collector.filters.values()) filter.restart();
    else if (version !== collector.version) {
      throw new VimFault('InvalidCollectorVersion', 'A specified version was not correct.', {});
    }
    const options = asData(call.args['options']);
    const wait = asNumber(options?.['maxWaitSeconds']);
    const limit = asNumber(options?.['maxObjectUpdates']);
    if (wait !== undefined && wait < 0) throw invalidArgument('options.maxWaitSeconds');
    if (limit !== undefined && limit <= 0) throw invalidArgument('options.maxObjectUpdates');
    const { pageSize } = call.world.settings;
    return answer(await waitForUpdates(call, collector, Math.min(limit ?? pageSize, pageSize), wait));
  },

  CancelWaitForUpdates(call) {
    collectorOf(call).cancel.abort();
    return nothing;
  },
};

async function waitForUpdates(
  call: HandlerCall,
  collector: Collector,
  limit: number,
  waitSeconds: number | undefined,
): Promise<Data | undefined> {
  if (collector.cancel.signal.aborted) collector.cancel = new AbortController();
  const { signal: canceled } = collector.cancel;
  const deadline = waitSeconds === undefined ? Infinity : performance.now() + waitSeconds * 1000;
  for (;;) {
    const found = collect(call, collector, limit);
    if (found !== undefined) return found;
    const left = deadline - performance.now();
    if (left <= 0) return undefined;
    await nextChange(call, collector, canceled, left);
    if (call.session.ended.signal.aborted) throw notAuthenticated(collector.ref);
    if (canceled.aborted) {
      throw new VimFault('RequestCanceled', 'The task was canceled by a user.');
    }
    if (call.signal.aborted) throw invalidRequest('the caller went away');
  }
}

function collect({ world, session }: HandlerCall, collector: Collector, limit: number): Data | undefined {
  const filterSet: Data[] = [];
  let left = limit;
  let truncated = false;
  for (const filter of collector.filters.values()) {
    const { updates, more } = filter.updates(world, session, left);
    left -= updates.length;
    truncated ||= more;
    if (updates.length > 0) filterSet.push(data('PropertyFilterUpdate', { filter: filter.ref, objectSet: updates }));
  }
  if (filterSet.length === 0) return undefined;
  collector.counter += 1;
  collector.version = String(collector.counter);
  return data('UpdateSet', { version: collector.version, filterSet, truncated: truncated ? true : undefined });
}

/** Resolves when something changed, the time is over, or nobody waits any more. */
function nextChange(call: HandlerCall, collector: Collector, canceled: AbortSignal, left: number): Promise<void> {
  collector.changed = new AbortController();
  const signal = AbortSignal.any([call.signal, call.session.ended.signal, canceled, collector.changed.signal]);
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = left === Infinity ? undefined : setTimeout(done, left);
    const unwatch = call.world.store.watch(done);
    function done(): void {
      clearTimeout(timer);
      unwatch();
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
