import { Breadcrumb, BreadcrumbItem, PageSection, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link, Navigate, useParams } from 'react-router';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { ProviderView } from '../../api/types.ts';
import { useMayAdminister } from '../../parts/may.ts';
import { Loaded, usePageTitle } from '../../parts/page.tsx';
import { AddWizard } from './add-wizard.tsx';
import { EditForm } from './edit-form.tsx';

export function AddProviderPage() {
  return (
    <Frame title="Add provider">
      <AddWizard />
    </Frame>
  );
}

export function EditProviderPage() {
  const { id = '' } = useParams();
  const provider = useQuery({
    queryKey: keys.provider(id),
    queryFn: () => get<ProviderView>(`/providers/${encodeURIComponent(id)}`),
  });
  return (
    <Frame title={`Edit ${provider.data?.name ?? 'provider'}`}>
      {/* What it was when the form was opened: news of it must not change what somebody types. */}
      <Loaded query={provider}>{(found) => <EditForm key={found.id} provider={found} />}</Loaded>
    </Frame>
  );
}

function Frame({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  usePageTitle(title);
  const mayAdminister = useMayAdminister();
  if (!mayAdminister) return <Navigate to="/providers" replace />;
  return (
    <>
      <PageSection>
        <Breadcrumb>
          <BreadcrumbItem>
            <Link to="/providers">Providers</Link>
          </BreadcrumbItem>
          <BreadcrumbItem isActive>{title}</BreadcrumbItem>
        </Breadcrumb>
        <div className="w-all">
          <Title headingLevel="h1">{title}</Title>
        </div>
      </PageSection>
      <PageSection isFilled>{children}</PageSection>
    </>
  );
}
