import {
  Content,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  PageSection,
  Title,
} from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { ProviderView } from '../../api/types.ts';
import { useMayAdminister } from '../../parts/may.ts';
import { Loaded, usePageTitle } from '../../parts/page.tsx';
import { ProviderTable } from './table.tsx';

/** Where VMs come from: each provider with what is in it, how fresh that is, and what is wrong with it. */
export function ProvidersPage() {
  usePageTitle('Providers');
  const mayAdminister = useMayAdminister();
  const providers = useQuery({
    queryKey: keys.providers,
    queryFn: () => get<{ readonly items: readonly ProviderView[] }>('/providers'),
  });
  const isEmpty = providers.data?.items.length === 0;
  return (
    <>
      <PageSection>
        <div className="w-title w-spread">
          <Title headingLevel="h1">Providers</Title>
          {mayAdminister && !isEmpty && <AddLink />}
        </div>
        <Content component="p">
          Systems that VMs are on. What is in them is read once and then followed as they tell of changes.
        </Content>
      </PageSection>
      <Loaded query={providers}>
        {({ items }) => (
          <PageSection isFilled>
            {items.length === 0 ? <Nothing mayAdd={mayAdminister} /> : <ProviderTable providers={items} />}
          </PageSection>
        )}
      </Loaded>
    </>
  );
}

function AddLink() {
  return (
    <Link to="/providers/add" className="pf-v6-c-button pf-m-primary">
      Add provider
    </Link>
  );
}

function Nothing({ mayAdd }: { readonly mayAdd: boolean }) {
  return (
    <EmptyState titleText="No providers yet" headingLevel="h2">
      <EmptyStateBody>
        Add a vCenter or an ESXi host, a libvirt host, or a store of OVAs and disk images. It is checked first, step by
        step, and nothing on it is changed.
      </EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions>
          {mayAdd ? <AddLink /> : <Content component="p">An administrator can add one.</Content>}
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}
