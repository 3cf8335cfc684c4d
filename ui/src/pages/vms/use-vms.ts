import { keepPreviousData, type QueryClient, useQueries, useQuery } from '@tanstack/react-query';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { VmListItem, VmPage } from '../../api/types.ts';
import { paramsOf, pathOf, type VmQuery } from './query.ts';
import { pageRows, pagesOf, type Window, windowOf } from './window.ts';

/** Pages that have left the screen are forgotten after a while: 50,000 VMs need not all stay in a browser. */
const keptMs = 120_000;

export type Vms = {
  /** Undefined until the first page came. */
  readonly total: number | undefined;
  readonly error: Error | null;
  /** The rows to draw. */
  readonly window: Window;
  /** Of the row's number; undefined while its page is on its way. */
  readonly row: (at: number) => VmListItem | undefined;
};

/** The rows that are seen. When news come, only their pages are read again. */
export function useVms(query: VmQuery, seen: { readonly top: number; readonly height: number }): Vms {
  // What was found before stays until the new answer is there, so that typing does not flicker.
  const first = useQuery({ ...pageQuery(query, 0), placeholderData: keepPreviousData });
  const total = first.data?.total;
  const window = windowOf(seen.top, seen.height, total ?? 0);
  const numbers = total === undefined ? [] : pagesOf(window, total).filter((page) => page > 0);
  const others = useQueries({ queries: numbers.map((page) => pageQuery(query, page)) });
  const pages = new Map<number, readonly VmListItem[]>();
  if (first.data !== undefined) pages.set(0, first.data.items);
  others.forEach(({ data }, index) => {
    const number = numbers[index];
    if (data !== undefined && number !== undefined) pages.set(number, data.items);
  });
  const error = first.error ?? others.find((page) => page.error !== null)?.error ?? null;
  return { total, error, window, row: (at) => pages.get(Math.floor(at / pageRows))?.[at % pageRows] };
}

function pageQuery(query: VmQuery, page: number) {
  return {
    queryKey: keyOf(query, page),
    queryFn: ({ client }: { readonly client: QueryClient }) => {
      const params = paramsOf(query);
      params.set('limit', String(pageRows));
      const after = page === 0 ? null : nextOf(client, query, page - 1);
      if (after !== null) params.set('after', after);
      else if (page > 0) params.set('skip', String(page * pageRows));
      return get<VmPage>(pathOf('/inventory/vms', params));
    },
    gcTime: keptMs,
  };
}

function keyOf(query: VmQuery, page: number): readonly unknown[] {
  return [...keys.vmPages(paramsOf(query).toString()), page];
}

/** Where the page before ends, as long as nothing has changed since; null: it has to be counted from the beginning. */
function nextOf(client: QueryClient, query: VmQuery, page: number): string | null {
  const state = client.getQueryState<VmPage>(keyOf(query, page));
  return state?.data === undefined || state.isInvalidated ? null : state.data.next;
}
