/** What the list of VMs is asked for; it is all in the page's address, so that a link shows the same. Pure. */
import type { SortKey } from '../../api/types.ts';

export type Sort = `${'' | '-'}${SortKey}`;
export type VmQuery = { readonly filter: string; readonly provider: string; readonly sort: Sort };

export type Column = {
  readonly title: string;
  readonly sort: SortKey;
  /** Of the table's width, in percent. */
  readonly width: number;
};

export const columns: readonly Column[] = [
  { title: 'Name', sort: 'name', width: 16 },
  { title: 'Power', sort: 'power', width: 8 },
  { title: 'Provider', sort: 'provider', width: 11 },
  { title: 'Host', sort: 'host', width: 13 },
  { title: 'Cluster', sort: 'cluster', width: 9 },
  { title: 'OS', sort: 'os', width: 13 },
  { title: 'CPUs', sort: 'cpus', width: 6 },
  { title: 'Memory', sort: 'memory', width: 8 },
  { title: 'Disks', sort: 'disks.total', width: 8 },
  { title: 'Concerns', sort: 'severity', width: 8 },
];

const keys: ReadonlySet<string> = new Set(columns.map(({ sort }) => sort));

export function queryOf(search: URLSearchParams): VmQuery {
  const sort = search.get('sort') ?? 'name';
  return {
    filter: search.get('filter') ?? '',
    provider: search.get('provider') ?? '',
    sort: keys.has(sort.replace(/^-/, '')) ? (sort as Sort) : 'name',
  };
}

/** Of the API and of the page's address: what says nothing is left out. */
export function paramsOf({ filter, provider, sort }: VmQuery): URLSearchParams {
  return new URLSearchParams({
    ...(filter === '' ? {} : { filter }),
    ...(provider === '' ? {} : { provider }),
    ...(sort === 'name' ? {} : { sort }),
  });
}

export function pathOf(path: string, params: URLSearchParams): string {
  const text = params.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** Asked for a column that it is sorted by already: the other way round. */
export function sortedBy(query: VmQuery, key: SortKey): VmQuery {
  return { ...query, sort: query.sort === key ? `-${key}` : key };
}
