import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { Link } from 'react-router';
import type { ProviderView } from '../../api/types.ts';
import { time } from '../../format.ts';
import { addressOf, ProviderStateLabel, typeTitles } from '../../parts/provider.tsx';
import { SeverityCounts } from '../../parts/severity.tsx';
import { ProviderActions } from './actions.tsx';

export function ProviderTable({ providers }: { readonly providers: readonly ProviderView[] }) {
  return (
    <Table aria-label="Providers" variant="compact" gridBreakPoint="grid-xl">
      <Thead>
        <Tr>
          <Th width={20}>Name</Th>
          <Th>Type</Th>
          <Th width={25}>State</Th>
          <Th>VMs</Th>
          <Th>Hosts</Th>
          <Th>Storages</Th>
          <Th>Networks</Th>
          <Th>Unreadable</Th>
          <Th modifier="nowrap">VMs with concerns</Th>
          <Th>Last in step</Th>
          <Th>Worker</Th>
          <Th screenReaderText="Actions" />
        </Tr>
      </Thead>
      <Tbody>
        {providers.map((provider) => (
          <ProviderRow key={provider.id} provider={provider} />
        ))}
      </Tbody>
    </Table>
  );
}

function ProviderRow({ provider }: { readonly provider: ProviderView }) {
  const { id, name, type, account, product, version, error, counts, unreadable, concerns, syncedAt, worker } = provider;
  return (
    <Tr>
      <Td dataLabel="Name" modifier="breakWord">
        <Link to={`/providers/${id}`}>{name}</Link>
        <div className="w-subtle">{addressOf(account)}</div>
      </Td>
      <Td dataLabel="Type">
        {typeTitles[type]}
        {product !== '' && <div className="w-subtle">{withVersion(product, version)}</div>}
      </Td>
      <Td dataLabel="State" modifier="breakWord">
        <ProviderStateLabel provider={provider} />
        {error !== null && (
          <div className="w-why">
            <div className={provider.state === 'stopped' ? 'w-error' : 'w-warning'}>{error.message}</div>
            {error.next !== '' && <div>{error.next}</div>}
          </div>
        )}
      </Td>
      <Td dataLabel="VMs">
        <Link to={`/vms?provider=${id}`} aria-label={`${counts.vm} VMs of ${name}`}>
          {counts.vm.toLocaleString()}
        </Link>
      </Td>
      <Td dataLabel="Hosts">{counts.host}</Td>
      <Td dataLabel="Storages">{counts.storage}</Td>
      <Td dataLabel="Networks">{counts.network}</Td>
      <Td dataLabel="Unreadable">
        {unreadable === 0 ? (
          '–'
        ) : (
          <Link to={`/providers/${id}?show=unreadable`} aria-label={`${unreadable} unreadable of ${name}`}>
            {unreadable}
          </Link>
        )}
      </Td>
      <Td dataLabel="VMs with concerns">
        <SeverityCounts counts={concerns} />
      </Td>
      <Td dataLabel="Last in step">{syncedAt === null ? 'never' : time(syncedAt)}</Td>
      <Td dataLabel="Worker">{worker?.name ?? '–'}</Td>
      <Td dataLabel="Actions" isActionCell>
        <ProviderActions provider={provider} />
      </Td>
    </Tr>
  );
}

/** Most products say their version in their name. */
export function withVersion(product: string, version: string): string {
  return product.includes(version) ? product : `${product} ${version}`;
}
