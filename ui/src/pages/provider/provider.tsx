import { Breadcrumb, BreadcrumbItem, PageSection, Tab, Tabs, TabTitleText, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearchParams } from 'react-router';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { ProviderView } from '../../api/types.ts';
import { Loaded, usePageTitle } from '../../parts/page.tsx';
import { ErrorText } from '../../parts/problem.tsx';
import { ProviderStateLabel } from '../../parts/provider.tsx';
import { ProviderActions } from '../providers/actions.tsx';
import { CheckTab } from './check-tab.tsx';
import { ObjectsTab } from './objects-tab.tsx';
import { OverviewTab } from './overview-tab.tsx';
import { TreeTab } from './tree-tab.tsx';
import { UnreadableTab } from './unreadable-tab.tsx';
import { UploadsTab } from './uploads/uploads-tab.tsx';

/** One provider: how it is, what its last check found, and what is in it above its VMs. */
export function ProviderPage() {
  const { id = '' } = useParams();
  const provider = useQuery({
    queryKey: keys.provider(id),
    queryFn: () => get<ProviderView>(`/providers/${encodeURIComponent(id)}`),
  });
  usePageTitle(provider.data?.name ?? 'Provider');
  return (
    <>
      <PageSection>
        <Breadcrumb>
          <BreadcrumbItem>
            <Link to="/providers">Providers</Link>
          </BreadcrumbItem>
          <BreadcrumbItem isActive>{provider.data?.name ?? id}</BreadcrumbItem>
        </Breadcrumb>
        {provider.data === undefined && <Title headingLevel="h1">Provider</Title>}
      </PageSection>
      <Loaded query={provider}>{(found) => <Found provider={found} />}</Loaded>
    </>
  );
}

function Found({ provider }: { readonly provider: ProviderView }) {
  const { id, name, type, error, counts, unreadable } = provider;
  const [search, setSearch] = useSearchParams();
  const tabs = [
    { key: 'overview', title: 'Overview', content: <OverviewTab provider={provider} /> },
    { key: 'check', title: 'Check', content: <CheckTab provider={provider} /> },
    ...(type === 'ova' ? [{ key: 'uploads', title: 'Uploads', content: <UploadsTab provider={provider} /> }] : []),
    ...(type === 'ova' ? [] : [{ key: 'tree', title: 'Tree', content: <TreeTab providerId={id} /> }]),
    ...(['host', 'network', 'storage'] as const)
      .filter((kind) => type !== 'ova' || counts[kind] > 0)
      .map((kind) => {
        const title = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}s (${counts[kind]})`;
        return { key: kind, title, content: <ObjectsTab key={kind} providerId={id} kind={kind} /> };
      }),
    { key: 'unreadable', title: `Unreadable (${unreadable})`, content: <UnreadableTab providerId={id} /> },
  ];
  const asked = search.get('show');
  const shown = tabs.find(({ key }) => key === asked) ?? tabs[0];
  return (
    <>
      <PageSection>
        <div className="w-title">
          <Title headingLevel="h1">{name}</Title>
          <ProviderStateLabel provider={provider} />
          <ProviderActions provider={provider} label="Actions" />
        </div>
        {error !== null && (
          <div className="w-all">
            <ErrorText heading="h2" error={error} />
          </div>
        )}
        <Tabs
          className="w-tabs"
          activeKey={shown?.key ?? ''}
          aria-label={`What to see of ${name}`}
          onSelect={(_event, key) => setSearch({ show: String(key) })}
        >
          {tabs.map(({ key, title }) => (
            <Tab key={key} eventKey={key} title={<TabTitleText>{title}</TabTitleText>} />
          ))}
        </Tabs>
      </PageSection>
      <PageSection isFilled aria-label={shown?.title ?? ''}>
        {shown?.content}
      </PageSection>
    </>
  );
}
