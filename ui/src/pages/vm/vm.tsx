import { Alert, Breadcrumb, BreadcrumbItem, PageSection, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';
import { get } from '../../api/client.ts';
import { keys } from '../../api/keys.ts';
import type { InventoryVmView } from '../../api/types.ts';
import { time } from '../../format.ts';
import { Concerns } from '../../parts/concerns.tsx';
import { Loaded, usePageTitle } from '../../parts/page.tsx';
import { Power } from '../../parts/power.tsx';
import { ErrorText } from '../../parts/problem.tsx';
import { Disks, Nics, Snapshots } from './hardware.tsx';
import { Devices, OtherFacts } from './devices.tsx';
import { MigrateButton } from './migrate/migrate.tsx';
import { Summary } from './summary.tsx';

/** One VM of the inventory. Opening it has its provider asked for the rest, where only a summary is known. */
export function VmPage() {
  const { id = '' } = useParams();
  const vm = useQuery({
    queryKey: keys.vm(id),
    queryFn: () => get<InventoryVmView>(`/inventory/vms/${encodeURIComponent(id)}`),
  });
  usePageTitle(vm.data?.name ?? 'Virtual machine');
  return (
    <>
      <PageSection>
        <Breadcrumb>
          <BreadcrumbItem>
            <Link to="/vms">Virtual machines</Link>
          </BreadcrumbItem>
          <BreadcrumbItem isActive>{vm.data?.name ?? id}</BreadcrumbItem>
        </Breadcrumb>
        {vm.data === undefined && <Title headingLevel="h1">Virtual machine</Title>}
      </PageSection>
      <Loaded query={vm}>{(found) => <Found view={found} />}</Loaded>
    </>
  );
}

function Found({ view }: { readonly view: InventoryVmView }) {
  const { name, vm, concerns, detailError, goneAt, provider } = view;
  const isFull = vm.detail === 'full';
  return (
    <>
      <PageSection>
        <div className="w-title">
          <Title headingLevel="h1">{name}</Title>
          <Power power={vm.power} />
          <MigrateButton view={view} />
        </div>
        <ul className="w-facts">
          <li>
            {provider === null ? (
              'its provider was removed'
            ) : (
              <>
                on provider <Link to={`/providers/${provider.id}`}>{provider.name}</Link>
              </>
            )}
          </li>
          {vm.template && <li>template</li>}
          <li>first seen {time(view.firstSeenAt)}</li>
          <li>changed {time(view.changedAt)}</li>
        </ul>
        {goneAt !== null && (
          <Alert
            isInline
            variant="warning"
            component="p"
            title={`Its source does not have it any more (since ${time(goneAt)}). This is how it was.`}
          />
        )}
        {detailError !== null && (
          <ErrorText heading="h2" title="Only a summary is known: the rest could not be read" error={detailError} />
        )}
      </PageSection>
      {concerns.length > 0 && (
        <PageSection aria-labelledby="concerns">
          <Title headingLevel="h2" size="lg" id="concerns">
            Concerns ({concerns.length})
          </Title>
          <Concerns concerns={concerns} />
        </PageSection>
      )}
      <PageSection aria-labelledby="summary">
        <Title headingLevel="h2" size="lg" id="summary">
          Summary
        </Title>
        <Summary vm={vm} />
      </PageSection>
      {isFull && (
        <PageSection isFilled>
          <div className="w-sections">
            <Disks disks={vm.disks} />
            <Nics nics={vm.nics} />
            <Snapshots snapshots={vm.snapshots} />
            <Devices devices={vm.devices} />
            <OtherFacts facts={vm.facts} />
          </div>
        </PageSection>
      )}
    </>
  );
}
