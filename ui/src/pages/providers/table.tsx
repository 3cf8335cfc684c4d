import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { Link } from 'react-router';
import type { ProviderView } from '../../api/types.ts';
import { count, time } from '../../format.ts';
import { addressOf, ProviderStateLabel, typeTitles } from '../../parts/provider.tsx';
import { SeverityCounts } from '../../parts/severity.tsx';
import { ProviderActions } from './actions.tsx';

export function ProviderTable({ providers }: { readonly providers: readonly ProviderView[] }) {
  return (
    <Table aria-label="Providers" variant="compact" gridBreakPoint="grid-xl">
      <Thead>
        <Tr>
          <Th width={20}>Name</Th>
          <Th width={15}>Type</Th>
          <Th width={20}>State</Th>
          <Th>VMs</Th>
          <Th modifier="wrap">VMs with concerns</Th>
          <Th modifier="nowrap">Also in it</Th>
          <Th modifier="nowrap">Unreadable</Th>
          <Th width={15}>Last in step</Th>
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
      <Td dataLabel="Name">
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
      <Td dataLabel="VMs with concerns">
        <SeverityCounts counts={concerns} />
      </Td>
      <Td dataLabel="Also in it" modifier="nowrap">
        {alsoIn(counts).map((text) => (
          <div key={text}>{text}</div>
        ))}
      </Td>
      <Td dataLabel="Unreadable">
        {unreadable === 0 ? (
          '–'
        ) : (
          <Link to={`/providers/${id}?show=unreadable`} aria-label={`${unreadable} unreadable of ${name}`}>
            {unreadable}
          </Link>
        )}
      </Td>
      <Td dataLabel="Last in step">
        {syncedAt === null ? 'never' : time(syncedAt)}
        <div className="w-subtle">{worker === null ? 'no worker now' : `by worker ${worker.name}`}</div>
      </Td>
      <Td dataLabel="Actions" isActionCell>
        <ProviderActions provider={provider} />
      </Td>
    </Tr>
  );
}

/** What there is besides VMs; what there is none of is not named. */
export function alsoIn(counts: ProviderView['counts']): readonly string[] {
  return [...some(counts.host, 'host'), ...some(counts.storage, 'storage'), ...some(counts.network, 'network')];
}

export function some(number: number, name: string): readonly string[] {
  return number === 0 ? [] : [count(number, name)];
}

/** Most products say their version in their name. */
export function withVersion(product: string, version: string): string {
  return product.includes(version) ? product : `${product} ${version}`;
}
