import { Content, PageSection, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { ProviderView } from '../../api/types.ts';
import { usePageTitle } from '../../parts/page.tsx';
import { ExportMenu } from './export-menu.tsx';
import { FilterBox } from './filter/filter-box.tsx';
import { SavedFilters } from './filter/saved-filters.tsx';
import { paramsOf, queryOf, type VmQuery } from './query.ts';
import { VmTable } from './vm-table.tsx';

/** VMs of all providers: searched, sorted, exported. */
export function VmsPage() {
  usePageTitle('Virtual machines');
  const [search, setSearch] = useSearchParams();
  const query = queryOf(search);
  const [total, setTotal] = useState<number | undefined>(undefined);
  const change = (next: Partial<VmQuery>): void => setSearch(paramsOf({ ...query, ...next }));
  return (
    <PageSection isFilled className="w-vms">
      <div className="w-title w-spread">
        <Title headingLevel="h1">Virtual machines</Title>
        <span role="status" className="w-subtle">
          {total === undefined ? '' : `${total.toLocaleString()} ${query.filter === '' ? 'VMs' : 'found'}`}
        </span>
      </div>
      <div className="w-search">
        <FilterBox filter={query.filter} apply={(filter) => change({ filter })} />
        <SavedFilters filter={query.filter} apply={(filter) => change({ filter })} />
        <ExportMenu query={query} />
      </div>
      {query.provider !== '' && <OfProvider id={query.provider} clear={() => change({ provider: '' })} />}
      <VmTable query={query} change={change} onTotal={setTotal} />
    </PageSection>
  );
}

function OfProvider({ id, clear }: { readonly id: string; readonly clear: () => void }) {
  const provider = useQuery({
    queryKey: keys.provider(id),
    queryFn: () => get<ProviderView>(`/providers/${encodeURIComponent(id)}`),
  });
  return (
    <Content component="p">
      Only VMs of <Link to={`/providers/${id}`}>{provider.data?.name ?? 'one provider'}</Link>.{' '}
      <button type="button" className="pf-v6-c-button pf-m-link pf-m-inline" onClick={clear}>
        Show all
      </button>
    </Content>
  );
}
